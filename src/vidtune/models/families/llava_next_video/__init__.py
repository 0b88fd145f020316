"""LLaVA-NeXT-Video: CLIP, 2 x 2 pooling and a Vicuna, Mistral or Yi (all of the Llama kind)."""

from __future__ import annotations

from typing import Any

import torch

from vidtune.models._family import FramePolicy
from vidtune.models._native import NativeFamily

__all__ = ["FAMILY", "LlavaNextVideo"]

_CHATML_END = "<|im_end|>"


class LlavaNextVideo(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "llava_next_video"
    model_types = ("llava_next_video",)
    frame_policy = FramePolicy(num_frames=8)
    model_class = "LlavaNextVideoForConditionalGeneration"
    processor_class = "LlavaNextVideoProcessor"
    towers = {
        "projector": r"(?:^|\.)(?:multi_modal_projector|vision_resampler|image_newline)(?:\.|$)",
        "vision": r"(?:^|\.)vision_tower(?:\.|$)",
        "language": r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)",
    }
    targets = {
        "vision": r"model\.vision_tower\.(?:vision_model\.)?encoder\.layers\.\d+\."
        r"(?:self_attn\.(?:[qkv]|out)_proj|mlp\.fc[12])",
        "projector": r"model\.multi_modal_projector\.linear_[12]",
        "language": r"model\.language_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = ("model.vision_tower", "model.multi_modal_projector", "lm_head")
    end_tokens = ("</s>", _CHATML_END)
    adds_end_of_turn = True

    def end_of_turn_ids(self, processor: Any) -> tuple[int, ...]:
        """Return the token at which an answer ends: ``<|im_end|>`` where the template writes it, else ``</s>``."""
        ends = super().end_of_turn_ids(processor)
        if _CHATML_END not in str(processor.chat_template):
            return ends
        chatml_end = processor.tokenizer.convert_tokens_to_ids(_CHATML_END)
        return (chatml_end, *(end for end in ends if end != chatml_end))

    def join_media(self, name: str, tensors: list[torch.Tensor]) -> torch.Tensor:
        """Return the clips as one with all their frames: (1, frames, ...). The model flattens these two axes anyway."""
        return torch.cat(tensors, dim=1)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes: a square is cut from the middle of every frame, whatever its size."""
        crop = processor.video_processor.crop_size
        num_patches = (crop["height"] // processor.patch_size) * (crop["width"] // processor.patch_size)
        return int(num_frames * (num_patches // 4))


FAMILY = LlavaNextVideo()
