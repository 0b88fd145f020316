"""The budget of ranks: how many are open, as a penalty that training can follow."""

from __future__ import annotations

from typing import Any

import torch

from vidtune.adapters.temporal._context import context_of
from vidtune.adapters.temporal._gate import gated_layers
from vidtune.core.errors import BadUsage

_BEGINS_AT = 0.1
"""Share of the steps before a budget that is reached gradually begins to fall."""


def rank_share(model: Any, *, moves_slope: bool = True) -> torch.Tensor:
    """Return the share of ranks that are open, averaged over tokens and then over layers: what the budget limits.

    It is that of the last pass, and differentiable in the gates; without ``moves_slope`` in their offsets alone.

    Raises:
        BadUsage: If ``model`` has no ``temporal_lora`` or was shown nothing yet.
    """
    context = context_of(model)
    if context is None or not context.num_passes:
        raise BadUsage("there are no gates to count.", "Attach temporal_lora, and call the model first.")
    shares = []
    for _, gate in gated_layers(model).values():
        edges = gate.edges(context.signals_gs.to(gate.gate_slope.device), moves_slope=moves_slope)
        weights = context.weights.to(edges.device)[int(gate.is_visual) :]
        if len(weights) and float(weights.sum()):
            shares.append((gate.soften(edges).sum(-1) * weights).sum() / (weights.sum() * gate.rank))
    if not shares:
        raise BadUsage("the last pass reached no gated layer.", "Show the model a clip.")
    return torch.stack(shares).mean()


def budget_penalty(model: Any) -> torch.Tensor | None:
    """Return ``weight * (share of open ranks - budget)²`` of the last pass; None where there is no budget to keep.

    While gates are alike, the penalty's gradient is the same in every layer. From the first step on it therefore closes
    all of them alike, before any has learned anything, and it pulls at the signals' weights as well, wherever the
    signals are skewed: each layer then asks the same of a frame. A budget that is reached gradually waits for what the
    ranks are worth, and moves the offsets alone; how frames differ is left to the task.
    """
    context = context_of(model)
    if context is None or context.config.budget is None or not context.num_passes:
        return None
    if all(gate.is_visual for _, gate in gated_layers(model).values()) and not len(context.signals_gs):
        return None  # a batch of texts: nothing that has a gate was computed
    config = context.config
    budget = budget_after(context.progress, config.budget, config.budget_reached_at)
    share = rank_share(model, moves_slope=config.budget_reached_at is None)
    penalty: torch.Tensor = config.budget_weight * (share - budget) ** 2
    return penalty


def budget_after(progress: float, budget: float, reached_at: float | None) -> float:
    """Return the share of ranks that may be open when so much of the run is done.

    All of them at first, then less, by the cubic with which AdaLoRA prunes (Zhang et al. 2023, arXiv 2303.10512).

    Example:
        >>> [round(budget_after(done, 0.5, 0.6), 3) for done in (0.1, 0.35, 0.6, 1.0)]
        [1.0, 0.562, 0.5, 0.5]
        >>> budget_after(0.0, 0.5, None)
        0.5
    """
    if reached_at is None:
        return budget
    left = min(1.0, max(0.0, (reached_at - progress) / (reached_at - _BEGINS_AT)))
    return budget + (1 - budget) * left**3
