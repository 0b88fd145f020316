"""Qwen2-VL: the family of the packaged nano model and of every Qwen2-VL checkpoint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vidtune.models.qwen2_vl import load as _load
from vidtune.models.qwen2_vl import template as _template
from vidtune.models.qwen2_vl.config import LINEAR_TARGETS, MODEL_TYPE

if TYPE_CHECKING:
    from vidtune.models._batch import BatchInputs
    from vidtune.models._family import Modality, PromptItem

__all__ = ["FAMILY"]


class _Qwen2VL:
    """See ``Family`` for what each of these does."""

    name = MODEL_TYPE

    def load(
        self,
        folder: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        quantization_config: Any | None,
        max_pixels: int | None,
    ) -> tuple[Any, Any]:
        return _load.load(
            folder, device=device, dtype=dtype, quantization_config=quantization_config, max_pixels=max_pixels
        )

    def encode_prompts(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        return _template.encode_prompts(processor, items)

    def encode_training(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        return _template.encode_training(processor, items)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        return _template.count_visual_tokens(num_frames, height_px, width_px, processor)

    def end_of_turn_ids(self, processor: Any) -> tuple[int, ...]:
        return _template.end_of_turn_ids(processor)

    def modality_of(self, name: str) -> Modality:
        if re.search(r"(?:^|\.)visual\.merger(?:\.|$)", name):
            return "projector"
        if re.search(r"(?:^|\.)visual(?:\.|$)", name):
            return "vision"
        if re.search(r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)", name):
            return "language"
        raise ValueError(f"{name!r} belongs to no tower of {MODEL_TYPE}: expected visual, language_model or lm_head.")

    def linear_targets(self, modality: Modality) -> str:
        return LINEAR_TARGETS[modality]


FAMILY = _Qwen2VL()
