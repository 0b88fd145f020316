"""The budget of ranks: how many are open, as a penalty that training can follow."""

from __future__ import annotations

from typing import Any

import torch

from vidtune.adapters.temporal._context import context_of
from vidtune.adapters.temporal._gate import gated_layers
from vidtune.core.errors import BadUsage


def rank_share(model: Any) -> torch.Tensor:
    """Return the share of ranks that are open, averaged over tokens and then over layers: what the budget limits.

    It is that of the last pass, and differentiable in the gates.

    Raises:
        BadUsage: If ``model`` has no ``temporal_lora`` or was shown nothing yet.
    """
    context = context_of(model)
    if context is None or not context.num_passes:
        raise BadUsage("there are no gates to count.", "Attach temporal_lora, and call the model first.")
    shares = []
    for _, gate in gated_layers(model).values():
        edges = gate.edges(context.signals_gs.to(gate.gate_slope.device))
        weights = context.weights.to(edges.device)[int(gate.is_visual) :]
        if len(weights) and float(weights.sum()):
            shares.append((gate.soften(edges).sum(-1) * weights).sum() / (weights.sum() * gate.rank))
    if not shares:
        raise BadUsage("the last pass reached no gated layer.", "Show the model a clip.")
    return torch.stack(shares).mean()


def budget_penalty(model: Any) -> torch.Tensor | None:
    """Return ``weight * (share of open ranks - budget)²`` of the last pass; None where there is no budget to keep."""
    context = context_of(model)
    if context is None or context.config.budget is None or not context.num_passes:
        return None
    if all(gate.is_visual for _, gate in gated_layers(model).values()) and not len(context.signals_gs):
        return None  # a batch of texts: nothing that has a gate was computed
    penalty: torch.Tensor = context.config.budget_weight * (rank_share(model) - context.config.budget) ** 2
    return penalty
