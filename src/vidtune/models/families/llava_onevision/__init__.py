"""LLaVA-OneVision: SigLIP in front of a Qwen2, frames in one fixed size and pooled to a quarter of their tokens."""

from __future__ import annotations

import math
from typing import Any

import torch

from vidtune.models._family import FramePolicy, Modality
from vidtune.models._native import NativeFamily
from vidtune.models.families.llava_onevision.frames import join_clips, take_mixed_lengths

__all__ = ["FAMILY"]


class LlavaOnevision(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "llava_onevision"
    model_types = ("llava_onevision",)
    frame_policy = FramePolicy(num_frames=32)
    model_class = "LlavaOnevisionForConditionalGeneration"
    processor_class = "LlavaOnevisionProcessor"
    towers: dict[Modality, str] = {
        "projector": r"(?:^|\.)(?:multi_modal_projector|image_newline)(?:\.|$)",
        "vision": r"(?:^|\.)vision_tower(?:\.|$)",
        "language": r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)",
    }
    targets: dict[Modality, str] = {
        "vision": r"model\.vision_tower\.(?:vision_model\.)?encoder\.layers\.\d+\."
        r"(?:self_attn\.(?:[qkv]|out)_proj|mlp\.fc[12])",
        "projector": r"model\.multi_modal_projector\.linear_[12]",
        "language": r"model\.language_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = ("model.vision_tower", "model.multi_modal_projector", "lm_head")
    end_tokens = ("<|im_end|>", "<|endoftext|>")

    def prepare_model(self, model: Any) -> Any:
        """Let it take clips of several lengths together."""
        take_mixed_lengths(model)
        return model

    def join_media(self, name: str, tensors: list[torch.Tensor]) -> torch.Tensor:
        """Return the tensors of several clips as one."""
        return join_clips(tensors) if name == "pixel_values_videos" else super().join_media(name, tensors)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes in the prompt: those of each frame, pooled 2 x 2, and one for the end."""
        tokens_a_side = math.ceil(math.isqrt(processor.num_image_tokens) / 2)
        return num_frames * tokens_a_side**2 + 1


FAMILY = LlavaOnevision()
