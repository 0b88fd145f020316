"""How many ranks are used: as a penalty in training, and as numbers to look at.

Axis letters: ``g`` groups of frames, ``r`` ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from vidtune.adapters.temporal._context import context_of
from vidtune.adapters.temporal._gate import gated_layers
from vidtune.core.errors import BadUsage


@dataclass(frozen=True)
class GateRow:
    """The gate of one layer on what the model was shown last."""

    layer: str
    is_visual: bool
    rank: int
    text_rank: int | None
    """How many ranks text uses; None in a layer that sees pixels only."""

    frame_ranks: tuple[int, ...]
    """Of each group of frames, how many ranks it uses: what is computed at inference."""

    mean_open: float
    """Share of the ranks that are open in training, over all tokens."""


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


@torch.no_grad()
def gate_curves(model: Any) -> dict[str, float]:
    """Return how far the ranks were open in the last pass, of all layers and of those of each kind, for the log."""
    rows = gate_rows(model)
    sides = {
        "pixels_only": [row for row in rows if row.is_visual],
        "language": [row for row in rows if not row.is_visual],
    }
    shares = {
        f"adapter/rank_share_{side}": sum(row.mean_open for row in chosen) / len(chosen)
        for side, chosen in sides.items()
        if chosen
    }
    return {"adapter/rank_share": float(rank_share(model)), **shares} if shares else {}


@torch.no_grad()
def gate_rows(model: Any) -> list[GateRow]:
    """Return the gates of all layers on what the model was shown last, for logs and for maps over the frame strip."""
    context = context_of(model)
    if context is None:
        return []
    rows = []
    for name, (_, gate) in gated_layers(model).items():
        edges = gate.edges(context.signals_gs.to(gate.gate_slope.device))
        used = gate.truncate(edges).sum(-1).int().tolist()
        weights = context.weights.to(edges.device)[int(gate.is_visual) :]
        opened = (gate.soften(edges).sum(-1) * weights).sum() / (weights.sum().clamp_min(1) * gate.rank)
        text, frames = (None, used) if gate.is_visual else (used[0], used[1:])
        rows.append(GateRow(name, gate.is_visual, gate.rank, text, tuple(frames), float(opened)))
    return rows
