"""Low-rank updates whose rank follows the clip: see ``kinds/temporal_lora.py`` for the method.

``_signals`` measures frames, ``_context`` brings the signals to the layers, ``_gate`` turns them into ranks, ``_tuner``
is what PEFT sees, ``_budget`` what training adds to its loss. ``_usage`` asks which ranks are used, ``_clip_gates``
holds the answer and ``_map`` draws it. ``_export`` is the way back to plain LoRA. Importing this package imports
neither torch nor PEFT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.adapters.temporal._clip_gates import ClipGates, GateRow, mean_ranks
from vidtune.adapters.temporal._inputs import adapter_curves, fit_frame_signals, frame_inputs, takes_frame_signals
from vidtune.adapters.temporal._registration import register_with_peft
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from vidtune.adapters.temporal._export import ExportCertificate

__all__ = [
    "ClipGates",
    "GateRow",
    "adapter_curves",
    "clip_gates",
    "draw_gate_map",
    "draw_gate_summary",
    "export_plain_lora",
    "fit_frame_signals",
    "frame_inputs",
    "frame_signals_given",
    "gate_rows",
    "mean_ranks",
    "register_with_peft",
    "takes_frame_signals",
]


def frame_signals_given(model: Any, inputs: Mapping[str, torch.Tensor]) -> AbstractContextManager[None]:
    """Use the ``frame_signals`` of ``inputs`` for all passes inside the block.

    For callers that pass on only what the model's own forward names, such as ``model.generate`` of transformers.

    Args:
        model: With ``temporal_lora``.
        inputs: The prompts, with ``input_ids``, ``attention_mask``, ``frame_signals`` and ``frame_counts``.

    Raises:
        BadUsage: If ``model`` has no ``temporal_lora``.
    """
    from vidtune.adapters.temporal._context import context_of

    context = context_of(model)
    if context is None:
        raise BadUsage("the model has no temporal_lora, so it takes no frame_signals.", "Call it as it is.")
    return context.giving(inputs)


def gate_rows(model: Any) -> list[GateRow]:
    """Return how many ranks each layer gave to text and to each group of frames that the model was shown last."""
    from vidtune.adapters.temporal import _usage

    return _usage.gate_rows(model)


def clip_gates(
    model: Any, frames_thwc: NDArray[Any], *, frames_per_group: int, modality_of: Callable[[str], str]
) -> ClipGates | None:
    """Return what the gates do with a clip, without running the model; None for a model without ``temporal_lora``.

    Args:
        model: Any model.
        frames_thwc: The frames (t, h, w, c), uint8.
        frames_per_group: How many neighbours the model sees as one: ``family.frame_policy.multiple``.
        modality_of: ``family.modality_of``.
    """
    if not takes_frame_signals(model):
        return None
    from vidtune.adapters.temporal import _usage

    return _usage.clip_gates(model, frames_thwc, frames_per_group=frames_per_group, modality_of=modality_of)


def draw_gate_map(gates: ClipGates, frames_thwc: NDArray[Any], path: Path) -> None:
    """Write a PNG of the gates of one clip under its frames (t, h, w, c), tower by tower and layer by layer.

    Raises:
        BadUsage: If there are no gates, or no frames under them.
    """
    from vidtune.adapters.temporal import _map

    _map.draw_gate_map(gates, frames_thwc, path)


def draw_gate_summary(clips: Sequence[ClipGates], path: Path) -> None:
    """Write a PNG of the mean ranks of every layer over many clips, and of how they go with the signals.

    Raises:
        BadUsage: If there are no clips.
    """
    from vidtune.adapters.temporal import _map

    _map.draw_gate_summary(clips, path)


def export_plain_lora(
    model: Any,
    folder: Path,
    batches: Sequence[Mapping[str, torch.Tensor]],
    *,
    processor: Mapping[str, Any] | None = None,
) -> ExportCertificate:
    """Write ``temporal_lora`` as plain LoRA that PEFT alone loads, and certify how far it is from the real one.

    Args:
        model: With ``temporal_lora``.
        folder: Gets PEFT's files, vidtune's record and the certificate.
        batches: Inputs of some clips, with ``frame_signals``; the gate is fixed at its mean over their tokens.
        processor: As of ``save_adapter``.

    Raises:
        BadUsage: If ``model`` has no ``temporal_lora``, or there are no batches.
    """
    from vidtune.adapters.temporal import _export

    return _export.export_plain_lora(model, folder, batches, processor)
