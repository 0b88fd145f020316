"""Optimizers with a learning rate per modality, their state as tensors, and the course of the learning rate."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch

from vidtune.core.registry import Registry, parts_in_folder
from vidtune.training._learning_config import OptimConfig


class OptimizerKind(Protocol):
    """One way of turning gradients into steps. A kind is one file of ``optimizers/``, or of a plugin."""

    has_plain_moments: bool
    """Whether its state is AdamW's, number for number: adapters that move ranks cut and grow it."""

    bytes_a_weight: int
    """About what its state takes for each trained number."""

    def check(self, device: torch.device) -> None:
        """Make sure, before weights are loaded, that it is what it says on ``device``.

        Raises:
            ConfigInvalid: If it is not.
        """

    def make(self, groups: Sequence[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
        """Return it over parameter groups, each with its own ``lr`` and ``weight_decay``."""


# Imported here and not where it is used, so that only this module's name for the folder is bound.
_folder = importlib.import_module("vidtune.training.optimizers")

optimizers: Registry[OptimizerKind] = Registry(
    "optimizer", parts_in_folder(_folder.__name__, _folder.__path__, "OPTIMIZER")
)
"""All optimizers by name: one for each file of ``optimizers/``; packages add theirs under ``vidtune.optimizer``."""


_CONSTANTS = ("qmap1", "qmap2")
"""What bitsandbytes keeps in its state and never changes: the values of the 256 codes, shared by all parameters."""


def trained_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that change, by name; a tied parameter appears once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def build_optimizer(
    parameters: Mapping[str, torch.nn.Parameter],
    config: OptimConfig,
    modality_of: Callable[[str], str],
    multiplier_of: Callable[[str], float] = lambda name: 1.0,
) -> torch.optim.Optimizer:
    """Return the optimizer over ``parameters``; each group carries its own peak rate as ``peak_lr``.

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
    return optimizers.get(config.kind).make(described, config)


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
        case "constant" | "constant_with_warmup":
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
    """Return the optimizer's state as named tensors: ``<moment>/<parameter name>``.

    A count that is a plain number, as bitsandbytes keeps its steps, becomes a tensor of int64 without axes.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in parameters.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            if key not in _CONSTANTS:
                tensors[f"{key}/{name}"] = torch.tensor(value) if isinstance(value, int) else value
    return tensors


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, torch.nn.Parameter],
    tensors: Mapping[str, torch.Tensor],
) -> None:
    """Put back what ``optimizer_tensors`` returned."""
    _make_state(optimizer)
    for joined, value in tensors.items():
        key, _, name = joined.partition("/")
        state = optimizer.state[parameters[name]]
        made = state.get(key)
        if isinstance(made, torch.Tensor) and made.shape == value.shape:
            made.copy_(value)
        else:
            is_count = value.ndim == 0 and value.dtype == torch.int64
            state[key] = int(value) if is_count else value.clone()


def _make_state(optimizer: torch.optim.Optimizer) -> None:
    """Let bitsandbytes make its state as it would at the first step: paged moments live in memory that only it makes.

    torch's optimizers take any tensor as state.
    """
    make: Any = getattr(optimizer, "init_state", None)
    if make is not None:
        for group_number, group in enumerate(optimizer.param_groups):
            for number, parameter in enumerate(group["params"]):
                make(group, parameter, group_number, number)
