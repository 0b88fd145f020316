"""Qwen3-VL: every pair of frames stands in the prompt behind its time in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidtune.core.errors import BadUsage
from vidtune.models._family import FramePolicy, Modality
from vidtune.models._native import NativeFamily
from vidtune.models._vision_speed import speed_up_attention, speed_up_patches

if TYPE_CHECKING:
    from vidtune.media import FrameSet

__all__ = ["FAMILY"]


class Qwen3VL(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "qwen3_vl"
    model_types = ("qwen3_vl",)
    frame_policy = FramePolicy(num_frames=8, multiple=2, is_divisible=True)
    model_class = "Qwen3VLForConditionalGeneration"
    processor_class = "Qwen3VLProcessor"
    towers: dict[Modality, str] = {
        "projector": r"(?:^|\.)visual\.(?:merger|deepstack_merger_list)(?:\.|$)",
        "vision": r"(?:^|\.)visual(?:\.|$)",
        "language": r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)",
    }
    targets: dict[Modality, str] = {
        "vision": r"model\.visual\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.linear_fc[12])",
        "projector": r"model\.visual\.(?:merger|deepstack_merger_list\.\d+)\.linear_fc[12]",
        "language": r"model\.language_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = ("model.visual", "lm_head")
    end_tokens = ("<|im_end|>", "<|endoftext|>")
    type_ids_name = "mm_token_type_ids"
    max_aspect_ratio = 200

    def load_processor(self, folder: Path) -> Any:
        """Return the processor, with what it leaves open about long clips decided as in Qwen's reference code."""
        processor = super().load_processor(folder)
        if processor.video_processor.cap_pixels_per_frame is None:
            processor.video_processor.cap_pixels_per_frame = True
        return processor

    def prepare_model(self, model: Any) -> Any:
        """Make its vision tower faster."""
        from transformers.models.qwen3_vl import modeling_qwen3_vl as stock

        speed_up_attention(model, stock.Qwen3VLVisionAttention, stock.apply_rotary_pos_emb_vision)
        speed_up_patches(model, stock.Qwen3VLVisionPatchEmbed)
        return model

    def cap_pixels(self, processor: Any, max_pixels: int) -> None:
        """Make ``processor`` shrink every frame to at most ``max_pixels``, keeping its aspect.

        An odd number of frames may pass it by up to a quarter: the processor rounds the number down to pairs first.
        """
        video = processor.video_processor
        pixels_per_token = (video.patch_size * video.merge_size) ** 2
        if max_pixels < pixels_per_token:
            raise BadUsage(
                f"max_pixels={max_pixels} is less than one token of pixels, {pixels_per_token}.", "Raise max_pixels."
            )
        # Its lower bound is for the whole clip, but also lifts the cap on a frame to 1.05 times that bound.
        video.size = {**dict(video.size), "shortest_edge": min(int(video.size["shortest_edge"]), max_pixels // 4)}
        video.max_video_tokens = max_pixels // pixels_per_token
        video.cap_pixels_per_frame = True

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes in the prompt, without those that write the times.

        Two frames share their tokens, and a token stands for 32 x 32 pixels after the processor's resizing, which
        looks at the pixels of the whole clip. Source: ``Qwen3VLVideoProcessor`` of transformers 5.23.
        """
        self.check_size(height_px, width_px)
        video = processor.video_processor
        num_patches = video.get_num_of_video_patches(max(num_frames, video.temporal_patch_size), height_px, width_px)
        return int(num_patches // video.merge_size**2)

    def media_inputs(self, frames: FrameSet) -> dict[str, Any]:
        """Return the frames as the processor takes them."""
        return super().media_inputs(_at_least_two(frames))

    def processor_arguments(self, frames: FrameSet) -> dict[str, Any]:
        """Return what else the processor is told about a clip."""
        return super().processor_arguments(_at_least_two(frames))


def _at_least_two(frames: FrameSet) -> FrameSet:
    """Repeat a single frame: the processor fills up odd numbers of frames by itself, but refuses one alone."""
    if len(frames.frames_thwc) > 1:
        return frames
    return replace(
        frames,
        frames_thwc=np.repeat(frames.frames_thwc, 2, axis=0),
        indices=frames.indices * 2,
        times_s=frames.times_s * 2,
    )


FAMILY = Qwen3VL()
