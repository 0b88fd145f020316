"""NVILA-Lite: SigLIP, a 3 x 3 down-sampling projector and Qwen2, composed by us; opens the published checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidtune.models._family import FramePolicy
from vidtune.models._native import NativeFamily
from vidtune.models._weights import load_processor, load_strictly

__all__ = ["FAMILY", "NvilaLite"]


class NvilaLite(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "nvila_lite"
    model_types = ("nvila_lite", "vila", "llava_llama")
    frame_policy = FramePolicy(num_frames=8, is_divisible=True)
    towers = {
        "projector": r"(?:^|\.)mm_projector(?:\.|$)",
        "vision": r"(?:^|\.)vision_tower(?:\.|$)",
        "language": r"(?:^|\.)llm(?:\.|$)",
    }
    targets = {
        "vision": r"vision_tower\.encoder\.layers\.\d+\.(?:self_attn\.(?:[qkv]|out)_proj|mlp\.fc[12])",
        "projector": r"mm_projector\.layers\.[257]",
        "language": r"llm\.model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = ("vision_tower", "mm_projector", "llm.lm_head")
    end_tokens = ("<|im_end|>", "<|endoftext|>")

    def load_processor(self, folder: Path) -> Any:
        """Return the processor of a checkpoint folder in either layout."""
        from vidtune.models.families.nvila_lite.checkpoint import ProcessorReader

        return load_processor(ProcessorReader, folder)

    def load_weights(self, folder: Path, **options: Any) -> Any:
        """Return the model of a checkpoint folder in either layout."""
        from vidtune.models.families.nvila_lite.checkpoint import open_checkpoint

        placeholder = self.load_processor(folder).video_token_id
        return load_strictly(open_checkpoint(placeholder), folder, **options)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes: as many for every frame, whatever its size."""
        return int(num_frames * processor.tokens_per_frame)


FAMILY = NvilaLite()
