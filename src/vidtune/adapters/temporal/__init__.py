"""Low-rank updates whose rank follows the clip: see ``kinds/temporal_lora.py`` for the method.

``_signals`` measures frames, ``_context`` brings the signals to the layers, ``_gate`` turns them into ranks, ``_tuner``
is what PEFT sees, ``_budget`` what training adds to its loss, ``_export`` the way back to plain LoRA. Importing this
package imports neither torch nor PEFT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.adapters.temporal._inputs import adapter_curves, fit_frame_signals, frame_inputs, takes_frame_signals
from vidtune.adapters.temporal._registration import register_with_peft
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from vidtune.adapters.temporal._budget import GateRow
    from vidtune.adapters.temporal._export import ExportCertificate

__all__ = [
    "adapter_curves",
    "draw_gate_map",
    "export_plain_lora",
    "fit_frame_signals",
    "frame_inputs",
    "frame_signals_given",
    "gate_rows",
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
    from vidtune.adapters.temporal import _budget

    return _budget.gate_rows(model)


def draw_gate_map(rows: Sequence[GateRow], frames_thwc: NDArray[Any], path: Path) -> None:
    """Write a picture of the gates of one clip under its frames (t, h, w, c).

    Args:
        rows: What ``gate_rows`` returned after the model was shown this clip alone.
        frames_thwc: Its frames, uint8.
        path: A PNG file.

    Raises:
        BadUsage: If there are no gates, or no frames under them.
    """
    from vidtune.adapters.temporal import _map

    _map.draw_gate_map(rows, frames_thwc, path)


def export_plain_lora(model: Any, folder: Path, batches: Sequence[Mapping[str, torch.Tensor]]) -> ExportCertificate:
    """Write ``temporal_lora`` as plain LoRA that PEFT alone loads, and certify how far it is from the real one.

    Args:
        model: With ``temporal_lora``.
        folder: Gets PEFT's files and the certificate.
        batches: Inputs of some clips, with ``frame_signals``; the gate is fixed at its mean over their tokens.

    Raises:
        BadUsage: If ``model`` has no ``temporal_lora``, or there are no batches.
    """
    from vidtune.adapters.temporal import _export

    return _export.export_plain_lora(model, folder, batches)
