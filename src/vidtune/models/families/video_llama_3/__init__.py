"""VideoLLaMA 3: SigLIP at any resolution in front of a Qwen2.5; frames with their times, tokens that repeat dropped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.core.errors import BadUsage
from vidtune.models._family import FramePolicy, Modality
from vidtune.models._native import NativeFamily
from vidtune.models.families.video_llama_3 import original as _original
from vidtune.models.families.video_llama_3.logits import keep_last_logits
from vidtune.models.families.video_llama_3.vision_tower import speed_up_vision

if TYPE_CHECKING:
    from vidtune.media import FrameSet

__all__ = ["FAMILY"]


class VideoLlama3(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "video_llama_3"
    model_types = ("video_llama_3", _original.MODEL_TYPE)
    frame_policy = FramePolicy(num_frames=16, max_frames=180, is_divisible=True)
    model_class = "VideoLlama3ForConditionalGeneration"
    processor_class = "VideoLlama3Processor"
    towers: dict[Modality, str] = {
        "projector": r"(?:^|\.)model\.projector(?:\.|$)",
        "vision": r"(?:^|\.)vision_model(?:\.|$)",
        "language": r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)",
    }
    targets: dict[Modality, str] = {
        "vision": r"model\.vision_model\.encoder\.layers\.\d+\.(?:self_attn\.(?:[qkv]|out)_proj|mlp\.fc[12])",
        "projector": r"model\.projector\.readout\.[02]",
        "language": r"model\.language_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = ("model.vision_model", "model.projector", "lm_head")
    end_tokens = ("<|im_end|>", "<|endoftext|>")
    max_aspect_ratio = 200

    def load_processor(self, folder: Path) -> Any:
        """Return the processor of a checkpoint in either layout."""
        return _original.build_processor(folder) if _original.is_original(folder) else super().load_processor(folder)

    def load_weights(self, folder: Path, **options: Any) -> Any:
        """Return the model of a checkpoint in either layout."""
        if not _original.is_original(folder):
            return super().load_weights(folder, **options)
        config = _original.build_config(folder)
        model = super().load_weights(folder, config=config, key_mapping=dict(_original.KEY_MAPPING), **options)
        # What is saved from here on has the config of transformers, so it must have its names as well.
        model._weight_conversions = None
        return model

    def prepare_model(self, model: Any) -> Any:
        """Make its vision tower faster, and let it compute the logits of the last token alone."""
        speed_up_vision(model)
        return keep_last_logits(model)

    def cap_pixels(self, processor: Any, max_pixels: int) -> None:
        """Make ``processor`` shrink every frame to at most ``max_pixels``, keeping its aspect."""
        video = processor.video_processor
        pixels_per_token = (video.patch_size * video.merge_size) ** 2
        if max_pixels < pixels_per_token:
            raise BadUsage(
                f"max_pixels={max_pixels} is less than one token of pixels, {pixels_per_token}.", "Raise max_pixels."
            )
        video.max_frame_pixels = max_pixels  # its own limits are for the pixels of all frames together

    def call_arguments(self, processor: Any, frames: FrameSet) -> dict[str, Any]:
        """Return what else the processor is told about a clip."""
        arguments = self.processor_arguments(frames)
        size = _size_for(processor.video_processor, len(frames.frames_thwc))
        return {"videos_kwargs": {**arguments["videos_kwargs"], "size": size}}

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes at most, without those that write the times.

        Each frame takes a token for 28 x 28 pixels after resizing; the pixels of all frames together have an upper
        bound. Of a token that hardly differs from the same place in the frame before, none is left, which cannot be
        known from sizes alone: a still clip takes fewer.
        """
        self.check_size(height_px, width_px)
        video = processor.video_processor
        size = _size_for(video, num_frames)
        num_patches = video.get_num_of_video_patches(num_frames, height_px, width_px, {"size": size})
        return int(num_patches // video.merge_size**2)


def _size_for(video: Any, num_frames: int) -> dict[str, int]:
    """Return the processor's limits (pixels of one frame at least, of all together at most) for so many frames."""
    lower, upper = int(video.size["shortest_edge"]), int(video.size["longest_edge"])
    cap = getattr(video, "max_frame_pixels", None)
    if cap is None:
        return {"shortest_edge": lower, "longest_edge": upper}
    # A frame below the lower limit is enlarged to whole tokens, which could pass a cap near that limit.
    return {"shortest_edge": min(lower, cap // 4), "longest_edge": min(upper, cap * num_frames)}


FAMILY = VideoLlama3()
