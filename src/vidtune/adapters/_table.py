"""What is trainable, by modality, and how many bytes that takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_ADAMW_BYTES = 8
"""Two float32 numbers of state for every trained one."""


@dataclass(frozen=True)
class ModalityRow:
    """One tower of a model that is to be trained."""

    modality: str
    num_trainable: int
    num_total: int
    weight_bytes: int
    """Of all its weights as they are in memory, with the tables of quantized ones."""

    gradient_bytes: int
    optimizer_bytes: int
    """Of the optimizer's state."""


def trainable_table(
    model: Any, modality_of: Callable[[str], str], *, optimizer_bytes: int = _ADAMW_BYTES
) -> list[ModalityRow]:
    """Return one row for every modality of ``model``, in the order in which they appear in it.

    Args:
        model: As ``attach_adapter`` returned it.
        modality_of: ``family.modality_of``.
        optimizer_bytes: What the optimizer keeps for every trained number; AdamW's in float32 unless given.
    """
    counts: dict[str, list[int]] = {}
    for name, parameter in model.named_parameters():
        state = getattr(parameter, "quant_state", None)
        # A 4-bit parameter packs two numbers in a byte; its state knows how many there are.
        num_here = getattr(parameter, "ds_numel", parameter.numel())  # DeepSpeed leaves its parameters empty
        num = num_here if state is None else int(state.shape.numel())
        num_bytes = num_here * parameter.element_size() + _state_bytes(state)
        scales = getattr(parameter, "SCB", None)  # bitsandbytes' 8 bit keeps one for every row
        num_bytes += 0 if scales is None else scales.numel() * scales.element_size()
        row = counts.setdefault(modality_of(name), [0, 0, 0, 0])
        if parameter.requires_grad:
            row[0] += num
            row[3] += num_here * parameter.element_size()
        # PEFT keeps the untrained original of a module that is trained whole: memory, but no part of the model.
        row[1] += 0 if ".original_module." in name else num
        row[2] += num_bytes
    return [
        ModalityRow(modality, trainable, total, weights, gradients, trainable * optimizer_bytes)
        for modality, (trainable, total, weights, gradients) in counts.items()
    ]


def _state_bytes(state: Any) -> int:
    """Return the bytes of the scales that belong to a quantized parameter."""
    num_bytes = 0
    while state is not None:
        for tensor in (state.absmax, getattr(state, "offset", None)):
            num_bytes += tensor.numel() * tensor.element_size() if tensor is not None else 0
        state = getattr(state, "state2", None)
    return num_bytes
