"""The loss: cross entropy of the supervised tokens, with logits computed for nothing else.

Shapes: B samples, T tokens, D hidden size, V vocabulary, S supervised tokens of the batch.

A causal model's logits are (B, T, V). With 150,000 words and 2,700 tokens of which 40 are an answer, that is 1.6 GB of
numbers of which 98 % are thrown away. The hidden states are therefore cut to the S positions that predict a supervised
token before the output layer sees them. The sum is over the same terms, so the loss is the same. Where answers are
long, the output layer sees a chunk of positions at a time, and one that is trained computes it again in the backward
pass: never more than ``CHUNK_TOKENS`` x V numbers are there at once (of a trained layer, three times as many).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from vidtune.adapters import bare_model
from vidtune.training._frozen_output import frozen_losses, takes_gradient_ahead

IGNORED_LABEL = -100

CHUNK_TOKENS = 1024
"""Positions whose logits exist at once: 0.6 GB in float32 for 150,000 words."""

SAMPLE_WEIGHTS = "sample_weights"
"""In a batch: by how much the tokens of each row count."""

_SMALLEST = 1e-12
"""A power of 0 has no gradient below an exponent of 1."""


def supervised_loss_sum(model: Any, batch: Mapping[str, Any], *, focal_gamma: float = 0.0) -> torch.Tensor:
    """Return the summed negative log-likelihood of the supervised tokens, in float32.

    Args:
        model: A transformers model for conditional generation, with or without a PEFT wrapper.
        batch: Its inputs with ``labels`` (B, T) not yet shifted: a label is its own token's id; and perhaps
            ``sample_weights`` (B,), by which the tokens of a row count.
        focal_gamma: Exponent of the focal loss (Lin et al. 2017, arXiv 1708.02002); 0 is plain cross entropy.
    """
    targets_bt = batch["labels"][:, 1:]
    is_target_bt = targets_bt != IGNORED_LABEL
    loss_s = _token_losses(bare_model(model), states_read(model, batch), targets_bt[is_target_bt])
    weights = batch.get(SAMPLE_WEIGHTS)
    if focal_gamma:
        loss_s = focal_loss(loss_s, focal_gamma)
    if weights is not None:
        loss_s = loss_s * weights[:, None].expand_as(is_target_bt)[is_target_bt]
    return loss_s.sum()


def states_read(model: Any, batch: Mapping[str, Any]) -> torch.Tensor:
    """Return what the language tower makes of the positions that predict a supervised token, (S, D)."""
    inputs = {name: value for name, value in batch.items() if name not in ("labels", SAMPLE_WEIGHTS)}
    hidden_btd = bare_model(model).base_model(**inputs, use_cache=False).last_hidden_state
    states_sd: torch.Tensor = hidden_btd[positions_read(batch["labels"])]
    return states_sd


def _token_losses(model: Any, hidden_sd: torch.Tensor, targets_s: torch.Tensor) -> torch.Tensor:
    """Return the negative log-likelihood of each target, (S,) in float32."""
    output_layer = model.get_output_embeddings()
    if _soft_cap(model) is None and takes_gradient_ahead(output_layer, hidden_sd):
        return frozen_losses(output_layer, hidden_sd, targets_s, CHUNK_TOKENS)

    def losses_of(hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits, cap = output_layer(hidden), _soft_cap(model)
        logits = logits if cap is None else torch.tanh(logits / cap) * cap
        return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")

    if len(targets_s) <= CHUNK_TOKENS:
        return losses_of(hidden_sd, targets_s)
    chunks = [slice(start, start + CHUNK_TOKENS) for start in range(0, len(targets_s), CHUNK_TOKENS)]
    losses = [checkpoint(losses_of, hidden_sd[chunk], targets_s[chunk], use_reentrant=False) for chunk in chunks]
    return torch.cat(losses)


def _soft_cap(model: Any) -> float | None:
    """Return the largest value towards which the model itself bends its logits, as Gemma does; mostly None."""
    cap: float | None = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    return cap


def focal_loss(loss_s: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return (1 - p)^gamma times the negative log-likelihood -log p of each token (Lin et al. 2017, equation 4)."""
    # 1 - p by expm1: near p = 1 the difference would be rounded away.
    return (-torch.expm1(-loss_s)).clamp_min(_SMALLEST) ** gamma * loss_s


def full_loss_sum(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the same sum from the model's own forward pass and all its logits: the reference."""
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    logits_btv = model(**inputs, use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits_btv[:, :-1].float().flatten(0, 1),
        batch["labels"][:, 1:].flatten(),
        ignore_index=IGNORED_LABEL,
        reduction="sum",
    )


def positions_read(labels_bt: torch.Tensor) -> torch.Tensor:
    """Return at which positions the loss looks, (B, T) bool: those that predict a supervised token.

    Example:
        >>> positions_read(torch.tensor([[-100, -100, 7, 8]])).tolist()
        [[False, True, True, False]]
    """
    return torch.nn.functional.pad(labels_bt[:, 1:] != IGNORED_LABEL, (0, 1), value=False)


def count_supervised(batch: Mapping[str, torch.Tensor]) -> int:
    """Return how many tokens of the batch are learned."""
    return int((batch["labels"][:, 1:] != IGNORED_LABEL).sum())
