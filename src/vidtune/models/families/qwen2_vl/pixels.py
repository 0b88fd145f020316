"""How large Qwen2-VL sees a frame, and how many tokens that takes."""

from __future__ import annotations

from typing import Any

from vidtune.core.errors import BadUsage


def cap_pixels(processor: Any, max_pixels: int) -> None:
    """Make ``processor`` shrink every frame to at most ``max_pixels``, keeping its aspect.

    Raises:
        BadUsage: If that is less than one merged patch.
    """
    video = processor.video_processor
    smallest = (video.patch_size * video.merge_size) ** 2
    if max_pixels < smallest:
        raise BadUsage(f"max_pixels={max_pixels} is less than one token of pixels, {smallest}.", "Raise max_pixels.")
    # The processor enlarges a frame below its lower bound to the next multiples of 28, and lifts the cap to 1.05 times
    # that bound. Either could pass the cap, so a lower bound near it has to give way.
    video.size = {
        "shortest_edge": min(int(video.size["shortest_edge"]), max_pixels // 4),
        "longest_edge": max_pixels,
    }


def count_visual_tokens(num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
    """Return how many tokens a clip takes in the prompt.

    Two frames (an odd last one is doubled) share their tokens, and a token stands for 28 x 28 pixels after the frame
    is resized to multiples of 28 between the processor's lower and upper number of pixels. For many frames the
    upper number shrinks to an even share of the model's context, as in the reference implementation.
    Source: ``Qwen2VLVideoProcessor.resize`` of transformers 5.23; its ``get_num_of_video_patches`` forgets that share.
    """
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import smart_resize

    video = processor.video_processor
    factor = video.patch_size * video.merge_size
    lower, upper = int(video.size["shortest_edge"]), int(video.size["longest_edge"])
    if caps_pixels(processor):
        budget = int(video.max_video_tokens * factor * factor * 0.9)
        upper = max(min(upper, budget * video.temporal_patch_size // num_frames), int(lower * 1.05))
    height, width = smart_resize(height_px, width_px, factor, min_pixels=lower, max_pixels=upper)
    num_pairs = -(-num_frames // video.temporal_patch_size)
    return int(num_pairs * (height // factor) * (width // factor))


def caps_pixels(processor: Any) -> bool:
    """Whether long clips get fewer pixels a frame: as saved with the checkpoint, else yes, as Qwen's reference does."""
    saved = processor.video_processor.cap_pixels_per_frame
    return True if saved is None else bool(saved)
