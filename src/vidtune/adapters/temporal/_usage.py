"""How many ranks are used, layer by layer: of what the model was shown last, and of any one clip.

Axis letters: ``g`` groups of frames, ``s`` signals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray

from vidtune.adapters.temporal._budget import rank_share
from vidtune.adapters.temporal._clip_gates import ClipGates, GateRow, effective_ranks
from vidtune.adapters.temporal._context import context_of
from vidtune.adapters.temporal._gate import gated_layers
from vidtune.adapters.temporal._signals import measure_signals

ModalityOf = Callable[[str], str]


@torch.no_grad()
def gate_rows(model: Any) -> list[GateRow]:
    """Return the gates of all layers on what the model was shown last; none for another kind of adapter."""
    context = context_of(model)
    return [] if context is None else _rows(model, context.signals_gs)


@torch.no_grad()
def clip_gates(
    model: Any, frames_thwc: NDArray[Any], *, frames_per_group: int, modality_of: ModalityOf
) -> ClipGates | None:
    """Return what the gates do with a clip, without running the model; None for another kind of adapter.

    Args:
        model: With ``temporal_lora``, or not.
        frames_thwc: The frames, uint8.
        frames_per_group: How many neighbours the model sees as one: ``family.frame_policy.multiple``.
        modality_of: ``family.modality_of``.
    """
    context = context_of(model)
    if context is None:
        return None
    raw_gs = torch.from_numpy(measure_signals(frames_thwc, frames_per_group=frames_per_group))
    signals_gs = context.prepare(raw_gs, [len(raw_gs)], torch.device("cpu"))
    rows = _rows(model, signals_gs)
    return ClipGates(
        tuple(context.config.signals),
        tuple(tuple(row) for row in signals_gs.tolist()),
        tuple(rows),
        tuple(modality_of(f"{row.layer}.weight") for row in rows),
    )


@torch.no_grad()
def gate_curves(model: Any, modality_of: ModalityOf) -> dict[str, float]:
    """Return curves for the log: the share of ranks open in the last pass, and the effective ranks by modality."""
    context = context_of(model)
    rows = gate_rows(model)
    if context is None or not rows or not context.num_passes:
        return {}
    if not len(context.signals_gs) and all(row.is_visual for row in rows):
        return {}
    used = effective_ranks(rows, [modality_of(f"{row.layer}.weight") for row in rows])
    return {
        "adapter/rank_share": float(rank_share(model)),
        **{f"adapter/rank_{name.replace(' ', '_')}": value for name, value in used.items()},
    }


def _rows(model: Any, signals_gs: torch.Tensor) -> list[GateRow]:
    rows = []
    for name, (_, gate) in gated_layers(model).items():
        used = gate.truncate(gate.edges(signals_gs.to(gate.gate_slope.device))).sum(-1).int().tolist()
        text, frames = (None, used) if gate.is_visual else (used[0], used[1:])
        rows.append(GateRow(name, gate.is_visual, gate.rank, text, tuple(frames)))
    return rows
