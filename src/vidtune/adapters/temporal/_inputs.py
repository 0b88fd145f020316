"""From frames to what a model with ``temporal_lora`` is called with. Nothing here costs anything for other models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vidtune.adapters._bare import bare_model
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch


def frame_inputs(owner: Any, clips: Sequence[Any | None], *, frames_per_group: int = 1) -> dict[str, torch.Tensor]:
    """Return ``frame_signals`` and ``frame_counts`` of the rows of a batch; nothing for a model without gates.

    Args:
        owner: The model, or the ``AdapterConfig`` of what it will get.
        clips: Of each row its frames (t, h, w, c), or None for a row without a clip.
        frames_per_group: How many neighbours the model sees as one: ``family.frame_policy.multiple``.
    """
    if not takes_frame_signals(owner):
        return {}
    import torch

    from vidtune.adapters.temporal._signals import measure_signals

    rows = [
        torch.from_numpy(measure_signals(clip, frames_per_group=frames_per_group)) for clip in clips if clip is not None
    ]
    if not rows:
        return {}
    return {"frame_signals": torch.cat(rows), "frame_counts": torch.tensor([len(row) for row in rows])}


def fit_frame_signals(model: Any, rows: Iterable[Mapping[str, torch.Tensor]]) -> None:
    """Store mean and standard deviation of the signals of the training set with the adapter.

    Args:
        model: With ``temporal_lora``; nothing happens to another.
        rows: Inputs of the training samples, with ``frame_signals`` where they have a clip.

    Raises:
        BadUsage: If no row has a clip.
    """
    if not takes_frame_signals(model):
        return
    import torch

    from vidtune.adapters.temporal._context import context_of

    found = [row["frame_signals"] for row in rows if "frame_signals" in row]
    if not found:
        raise BadUsage("no training sample has frames, so temporal_lora has no signals.", "Use kind='lora'.")
    signals_gs = torch.cat(found).double()
    std = signals_gs.std(dim=0, correction=0)
    context = context_of(model)
    assert context is not None  # noqa: S101 (takes_frame_signals)
    context.config.signal_mean = signals_gs.mean(dim=0).tolist()
    # A signal that never changes tells nothing: it becomes 0, not a division by nearly 0.
    context.config.signal_std = torch.where(std > 1e-6, std, torch.ones_like(std)).tolist()


def adapter_curves(model: Any, modality_of: Callable[[str], str]) -> dict[str, float]:
    """Return what a log of training should keep of the adapter after a step; nothing for most kinds.

    Args:
        model: The model in training.
        modality_of: ``family.modality_of``.
    """
    if not takes_frame_signals(model):
        return {}
    from vidtune.adapters.temporal._usage import gate_curves

    return gate_curves(model, modality_of)


def takes_frame_signals(owner: Any) -> bool:
    """Whether a model, or one that will get an adapter of this config, is to be called with ``frame_signals``."""
    kind = getattr(owner, "kind", None)
    if kind is not None:
        return bool(kind == "temporal_lora")
    return getattr(bare_model(owner), "temporal_context", None) is not None
