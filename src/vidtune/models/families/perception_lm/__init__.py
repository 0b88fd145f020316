"""PerceptionLM: Meta's Perception Encoder (of timm), a pooling projector and a Llama 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vidtune.models._extras import require_package
from vidtune.models._family import FramePolicy
from vidtune.models._native import NativeFamily

__all__ = ["FAMILY", "PerceptionLM"]


class PerceptionLM(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "perception_lm"
    model_types = ("perception_lm",)
    frame_policy = FramePolicy(num_frames=32)
    model_class = "PerceptionLMForConditionalGeneration"
    processor_class = "PerceptionLMProcessor"
    towers = {
        "projector": r"(?:^|\.)multi_modal_projector(?:\.|$)",
        "vision": r"(?:^|\.)vision_tower(?:\.|$)",
        "language": r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)",
    }
    targets = {
        "vision": r"model\.vision_tower\.timm_model\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.fc[12])",
        "projector": r"model\.multi_modal_projector\.linear_[12]",
        "language": r"model\.language_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = ("model.vision_tower", "model.multi_modal_projector", "lm_head")
    end_tokens = ("<|eot_id|>", "<|end_of_text|>")

    def load_processor(self, folder: Path) -> Any:
        """Return the processor of a checkpoint folder."""
        require_package("timm", family=self.name, purpose="its vision tower, the Perception Encoder")
        return super().load_processor(folder)

    def text_content(self, role: str, text: str) -> str | list[dict[str, Any]]:
        """Return what the template takes as the content of a turn: it wants a system prompt as a plain string."""
        return text if role == "system" else super().text_content(role, text)

    def join_media(self, name: str, tensors: list[torch.Tensor]) -> torch.Tensor:
        """Return the clips as one with all their frames: (1, frames, ...). The model flattens these two axes anyway."""
        return torch.cat(tensors, dim=1)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes: every frame is squeezed into one square, whatever its size."""
        size = processor.video_processor.size
        rows, columns = (size[side] // processor.patch_size // processor.pooling_ratio for side in ("height", "width"))
        return int(num_frames * rows * columns)


FAMILY = PerceptionLM()
