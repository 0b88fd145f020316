"""AdamW with a learning rate per modality, and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from vidtune.training._config import OptimConfig


def trained_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that change, by name; a tied parameter appears once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def build_optimizer(
    parameters: Mapping[str, torch.nn.Parameter],
    config: OptimConfig,
    modality_of: Callable[[str], str],
    multiplier_of: Callable[[str], float] = lambda name: 1.0,
) -> torch.optim.AdamW:
    """Return AdamW over ``parameters``; each group carries its own peak rate as ``peak_lr``.

    Args:
        parameters: What changes, by name.
        config: Rates, moments, decay.
        modality_of: Names the tower of a parameter: vision, projector, audio or language.
        multiplier_of: What the adapter wants the rate of a parameter multiplied by.
    """
    multipliers = {
        "vision": config.vision_lr_multiplier,
        "projector": config.projector_lr_multiplier,
        "audio": config.audio_lr_multiplier,
    }
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in parameters.items():
        peak_lr = config.learning_rate * multipliers.get(modality_of(name), 1.0) * multiplier_of(name)
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((peak_lr, decay), []).append(parameter)
    described: list[dict[str, Any]] = [
        {"params": members, "peak_lr": peak_lr, "lr": peak_lr, "weight_decay": decay}
        for (peak_lr, decay), members in groups.items()
    ]
    return torch.optim.AdamW(described, betas=(config.beta1, config.beta2), eps=config.epsilon, fused=True)


def lr_factor(step: int, num_steps: int, config: OptimConfig) -> float:
    """Return the share of the peak learning rate at ``step``, counted from 1.

    The warm-up rises linearly and reaches 1 at its last step; linear and cosine then fall and would reach 0 one
    step after the last, so that no step is spent at a rate of 0.

    Example:
        >>> config = OptimConfig(schedule="linear", warmup_ratio=0.2)
        >>> [round(lr_factor(step, 10, config), 3) for step in (1, 2, 3, 10)]
        [0.5, 1.0, 1.0, 0.125]
    """
    num_warmup = math.ceil(config.warmup_ratio * num_steps)
    if step <= num_warmup:
        return step / num_warmup
    progress = (step - num_warmup - 1) / max(1, num_steps - num_warmup)
    match config.schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - progress
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * progress))
        case "cosine_with_restarts":
            return 0.5 * (1.0 + math.cos(math.pi * ((config.num_cycles * progress) % 1.0)))


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Set every group to ``factor`` of its peak and return the largest rate set."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor
    return float(max(group["lr"] for group in optimizer.param_groups))


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, torch.nn.Parameter]
) -> dict[str, torch.Tensor]:
    """Return the optimizer's state as named tensors: ``<moment>/<parameter name>``."""
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in parameters.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}/{name}"] = value
    return tensors


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, torch.nn.Parameter],
    tensors: Mapping[str, torch.Tensor],
) -> None:
    """Put back what ``optimizer_tensors`` returned."""
    for joined, value in tensors.items():
        key, _, name = joined.partition("/")
        optimizer.state[parameters[name]][key] = value.clone()
