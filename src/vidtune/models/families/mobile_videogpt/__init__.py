"""Mobile-VideoGPT: CLIP, frame scoring, VideoMamba, token projectors and Qwen2.5, composed by us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidtune.models._family import FramePolicy
from vidtune.models._native import NativeFamily
from vidtune.models._weights import load_processor, load_strictly

__all__ = ["FAMILY", "MobileVideoGpt"]


class MobileVideoGpt(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "mobile_videogpt"
    model_types = ("MobileVideoGPT_qwen",)
    frame_policy = FramePolicy(num_frames=16, multiple=16)
    towers = {
        "projector": r"(?:^|\.)(?:image_)?mm_projector(?:\.|$)",
        "vision": r"(?:^|\.)(?:image_)?vision_tower(?:\.|$)",
        "language": r"(?:^|\.)(?:embed_tokens|layers\.\d+|norm|lm_head)(?:\.|$)",
    }
    targets = {
        "vision": (
            r"model\.image_vision_tower\.vision_tower\.encoder\.layers\.\d+\."
            r"(?:self_attn\.(?:[qkv]|out)_proj|mlp\.fc[12])"
            r"|model\.vision_tower\.vision_encoder\.layers\.\d+\.mixer\.(?:in_proj|x_proj(?:_b)?|out_proj)"
        ),
        "projector": r"model\.(?:image_)?mm_projector\.mlp\.mlp\.[02]",
        "language": r"model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = (
        "model.vision_tower",
        "model.image_vision_tower",
        "model.mm_projector",
        "model.image_mm_projector",
        "lm_head",
    )
    end_tokens = ("<|im_end|>", "<|endoftext|>")

    def load_processor(self, folder: Path) -> Any:
        """Return the processor of a checkpoint folder."""
        from vidtune.models.families.mobile_videogpt.checkpoint import ProcessorReader

        return load_processor(ProcessorReader, folder)

    def load_weights(self, folder: Path, **options: Any) -> Any:
        """Return the model of a checkpoint folder."""
        from vidtune.models.families.mobile_videogpt.checkpoint import open_checkpoint

        placeholder = self.load_processor(folder).video_token_id
        return load_strictly(open_checkpoint(placeholder), folder, **options)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes: as many for every group of frames, whatever their size."""
        return int(processor.count_tokens(num_frames))


FAMILY = MobileVideoGpt()
