"""Cross entropy through an output layer that is not trained: the gradient is taken on the way forward.

What a frozen layer hands back is the gradient of its inputs alone, and for the loss of a token that depends on nothing
that comes later. So logits become probabilities, and these the gradient, in the place where they stand; a chunk of
positions needs one (S, V) of numbers where autograd keeps three, and none is computed twice. (The idea is that of
Liger's fused linear cross entropy, arXiv 2410.10989, which trains the layer too.)

Shapes: S positions, D hidden size, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch

_ROWS = 16
"""Positions whose probabilities are computed at a time."""


def takes_gradient_ahead(layer: Any, hidden_sd: torch.Tensor) -> bool:
    """Whether ``layer`` is linear, not trained, with nothing attached to it, and the format is one that serves."""
    weight = getattr(layer, "weight", None)
    return (
        # Small probabilities vanish in float16, before a scaled loss could save them.
        _format(hidden_sd) != torch.float16
        and type(layer) is torch.nn.Linear
        # Weights that are divided over processes are not there unless the layer itself is called.
        and type(weight) is torch.nn.Parameter
        and weight.shape == (layer.out_features, layer.in_features)
        and not (layer._forward_pre_hooks or layer._forward_hooks)
        and layer.bias is None
        and not weight.requires_grad
    )


def frozen_losses(layer: torch.nn.Linear, hidden_sd: torch.Tensor, targets_s: torch.Tensor, chunk: int) -> torch.Tensor:
    """Return the negative log-likelihood of each target, (S,) in float32.

    Args:
        layer: For which ``takes_gradient_ahead`` holds.
        hidden_sd: What it is given.
        targets_s: Word ids.
        chunk: Positions whose logits exist at once.
    """
    losses: torch.Tensor = _FrozenLosses.apply(hidden_sd, layer.weight, targets_s, chunk)  # type: ignore[no-untyped-call]
    return losses


class _FrozenLosses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_sd: torch.Tensor, weight_vd: torch.Tensor, targets_s: torch.Tensor, chunk: int
    ) -> torch.Tensor:
        weight_vd = weight_vd.to(_format(hidden_sd))  # once for both products
        losses_s = torch.empty(len(hidden_sd), dtype=torch.float32, device=hidden_sd.device)
        gradient_sd = torch.empty_like(hidden_sd)
        for start in range(0, len(hidden_sd), chunk):
            part = slice(start, start + chunk)
            logits_sv = torch.nn.functional.linear(hidden_sd[part], weight_vd)
            losses_s[part] = _turn_into_gradient(logits_sv, targets_s[part])
            if ctx.needs_input_grad[0]:
                gradient_sd[part] = logits_sv @ weight_vd
        ctx.save_for_backward(gradient_sd)
        return losses_s

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (gradient_sd,) = ctx.saved_tensors
        return gradients[0][:, None].to(gradient_sd.dtype) * gradient_sd, None, None, None


def _turn_into_gradient(logits_sv: torch.Tensor, targets_s: torch.Tensor) -> torch.Tensor:
    """Put in the place of logits the gradient of their losses, and return the losses."""
    losses_s = torch.empty(len(targets_s), dtype=torch.float32, device=logits_sv.device)
    # A few rows at a time: they stay in a processor's cache, and 16-bit logits need few in float32.
    for start in range(0, len(logits_sv), _ROWS):
        part, targets = logits_sv[start : start + _ROWS], targets_s[start : start + _ROWS, None]
        logs = part.float()  # itself where it is float32
        torch.log_softmax(logs, 1, out=logs)
        losses_s[start : start + _ROWS] = -logs.gather(1, targets).squeeze(1)
        logs.exp_().scatter_add_(1, targets, logs.new_full((len(targets), 1), -1.0))
        if logs is not part:
            part.copy_(logs)
    return losses_s


def _format(hidden_sd: torch.Tensor) -> torch.dtype:
    """Return in which format products with ``hidden_sd`` are computed."""
    device_type = hidden_sd.device.type
    return torch.get_autocast_dtype(device_type) if torch.is_autocast_enabled(device_type) else hidden_sd.dtype
