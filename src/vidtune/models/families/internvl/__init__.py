"""InternVL 2.5 and 3: InternViT, pixel shuffle and a Qwen2 or Llama; opens the checkpoints made for transformers."""

from __future__ import annotations

from typing import Any

from vidtune.models._family import FramePolicy
from vidtune.models._native import NativeFamily

__all__ = ["FAMILY", "InternVL"]


class InternVL(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "internvl"
    model_types = ("internvl",)
    frame_policy = FramePolicy(num_frames=8)
    model_class = "InternVLForConditionalGeneration"
    processor_class = "InternVLProcessor"
    towers = {
        "projector": r"(?:^|\.)multi_modal_projector(?:\.|$)",
        "vision": r"(?:^|\.)vision_tower(?:\.|$)",
        "language": r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)",
    }
    targets = {
        "vision": r"model\.vision_tower\.encoder\.layer\.\d+\."
        r"(?:attention\.(?:[qkv]_proj|projection_layer)|mlp\.fc[12])",
        "projector": r"model\.multi_modal_projector\.linear_[12]",
        "language": r"model\.language_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = ("model.vision_tower", "model.multi_modal_projector", "lm_head")
    end_tokens = ("<|im_end|>", "<|endoftext|>", "</s>")

    def visual_token_id(self, processor: Any) -> int:
        """Return the token of an image: a clip becomes ``Frame1: <img>...</img>`` and so on."""
        return int(processor.image_token_id)

    def config_token_id(self, config: Any) -> int | None:
        """Return what config.json says of that token."""
        return int(config.image_token_id)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes: as many for every frame, whatever its size."""
        return int(num_frames * processor.image_seq_length)


FAMILY = InternVL()
