"""Qwen2-VL: the family of the packaged nano model and of every Qwen2-VL checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.models._native import NativeFamily
from vidtune.models._native_rows import check_sound
from vidtune.models.families.qwen2_vl import pixels as _pixels
from vidtune.models.families.qwen2_vl import template as _template
from vidtune.models.families.qwen2_vl.config import (
    END_TOKENS,
    FRAME_POLICY,
    KEPT_WHEN_QUANTIZED,
    LINEAR_TARGETS,
    MAX_ASPECT_RATIO,
    MODEL_TYPE,
    TOWERS,
)
from vidtune.models.families.qwen2_vl.vision_tower import speed_up_vision

if TYPE_CHECKING:
    from vidtune.models._batch import BatchInputs
    from vidtune.models._family import PromptItem

__all__ = ["FAMILY", "Qwen2VL"]


class Qwen2VL(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = MODEL_TYPE
    model_types = (MODEL_TYPE,)
    frame_policy = FRAME_POLICY
    model_class = "Qwen2VLForConditionalGeneration"
    processor_class = "Qwen2VLProcessor"
    towers = TOWERS
    targets = LINEAR_TARGETS
    kept_when_quantized = KEPT_WHEN_QUANTIZED
    end_tokens = END_TOKENS
    type_ids_name = "mm_token_type_ids"
    max_aspect_ratio = MAX_ASPECT_RATIO

    def prepare_model(self, model: Any) -> Any:
        """Make its vision tower faster."""
        speed_up_vision(model)
        return model

    def cap_pixels(self, processor: Any, max_pixels: int) -> None:
        """Make ``processor`` shrink every frame to at most ``max_pixels``, keeping its aspect."""
        _pixels.cap_pixels(processor, max_pixels)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes in the prompt."""
        self.check_size(height_px, width_px)
        return _pixels.count_visual_tokens(num_frames, height_px, width_px, processor)

    def load_processor(self, folder: Path) -> Any:
        """Return the processor, with what it leaves open about long clips decided as in Qwen's reference code."""
        processor = super().load_processor(folder)
        processor.video_processor.cap_pixels_per_frame = _pixels.caps_pixels(processor)
        return processor

    def _encode(self, processor: Any, items: Sequence[PromptItem], *, for_generation: bool) -> BatchInputs:
        # All clips of a batch through the processor at once: faster than one by one, with the same tensors.
        for turns, frames in items:
            self._check_clip(turns, frames)
            if frames is not None:
                check_sound(self, processor, frames.sound)
        return _template.encode(processor, items, self.end_of_turn_ids(processor), for_generation=for_generation)


FAMILY = Qwen2VL()
