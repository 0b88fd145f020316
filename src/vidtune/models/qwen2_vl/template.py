"""Prompts, labels and pixels of Qwen2-VL.

A clip comes first in the first user turn. A conversation without a system turn gets the one of the checkpoint's
template ("You are a helpful assistant." for Qwen2-VL), the same in training and inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vidtune.core.errors import VideoTooLarge
from vidtune.models._batch import IGNORED_LABEL, BatchInputs, pad_rows
from vidtune.models._chat import encode_chat
from vidtune.models.qwen2_vl.config import END_OF_TEXT, END_OF_TURN, MAX_ASPECT_RATIO, VIDEO_PLACEHOLDER

if TYPE_CHECKING:
    from vidtune.media import FrameSet
    from vidtune.models._family import PromptItem

_VIDEO_TYPE = 2
"""``mm_token_type_ids`` of a clip's tokens."""


def encode_prompts(processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
    """Return left-padded prompts; see ``Family.encode_prompts``."""
    return _encode(processor, items, for_generation=True)


def encode_training(processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
    """Return right-padded conversations with labels; see ``Family.encode_training``."""
    return _encode(processor, items, for_generation=False)


def end_of_turn_ids(processor: Any) -> tuple[int, ...]:
    """Return ``<|im_end|>`` and, where the vocabulary has it, ``<|endoftext|>``."""
    vocabulary = processor.tokenizer.get_vocab()
    return tuple(vocabulary[token] for token in (END_OF_TURN, END_OF_TEXT) if token in vocabulary)


def count_visual_tokens(num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
    """Return how many tokens a clip takes in the prompt.

    Two frames (an odd last one is doubled) share their tokens, and a token stands for 28 x 28 pixels after the frame
    is resized to multiples of 28 between the processor's lower and upper number of pixels. For many frames the
    upper number shrinks to an even share of the model's context, as in the reference implementation.
    Source: ``Qwen2VLVideoProcessor.resize`` of transformers 5.23; its ``get_num_of_video_patches`` forgets that share.
    """
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import smart_resize

    _check_aspect(height_px, width_px)
    video = processor.video_processor
    factor = video.patch_size * video.merge_size
    lower, upper = int(video.size["shortest_edge"]), int(video.size["longest_edge"])
    if _caps_pixels(processor):
        budget = int(video.max_video_tokens * factor * factor * 0.9)
        upper = max(min(upper, budget * video.temporal_patch_size // num_frames), int(lower * 1.05))
    height, width = smart_resize(height_px, width_px, factor, min_pixels=lower, max_pixels=upper)
    num_pairs = -(-num_frames // video.temporal_patch_size)
    return int(num_pairs * (height // factor) * (width // factor))


def _encode(processor: Any, items: Sequence[PromptItem], *, for_generation: bool) -> BatchInputs:
    if not items:
        raise ValueError("a batch needs at least one conversation.")
    tensors = _encode_clips(processor, [frames for _, frames in items if frames is not None])
    num_tokens = iter(_tokens_per_clip(processor, tensors.get("video_grid_thw")))
    placeholder = processor.tokenizer.get_vocab()[VIDEO_PLACEHOLDER]
    ends = end_of_turn_ids(processor)

    rows: list[list[int]] = []
    labels: list[list[int]] = []
    types: list[list[int]] = []
    for turns, frames in items:
        chat = encode_chat(
            processor, turns, has_clip=frames is not None, end_of_turn_ids=ends, for_generation=for_generation
        )
        row: list[int] = []
        row_labels: list[int] = []
        row_types: list[int] = []
        for token, is_supervised in zip(chat.ids, chat.is_supervised, strict=True):
            is_clip = token == placeholder
            count = next(num_tokens) if is_clip else 1
            row += [token] * count
            row_labels += [token if is_supervised else IGNORED_LABEL] * count
            row_types += [_VIDEO_TYPE if is_clip else 0] * count
        rows.append(row)
        labels.append(row_labels)
        types.append(row_types)

    batch = BatchInputs(
        input_ids=pad_rows(rows, _pad_id(processor), left=for_generation),
        attention_mask=pad_rows([[1] * len(row) for row in rows], 0, left=for_generation),
        mm_token_type_ids=pad_rows(types, 0, left=for_generation),
        **tensors,
    )
    if not for_generation:
        batch["labels"] = pad_rows(labels, IGNORED_LABEL, left=False)
    return batch


def _encode_clips(processor: Any, clips: Sequence[FrameSet]) -> dict[str, torch.Tensor]:
    """Return the patches (all clips one after the other) and the (time, height, width) grid of each clip."""
    if not clips:
        return {}
    videos = []
    for clip in clips:
        _check_aspect(*clip.frames_thwc.shape[1:3])
        videos.append(torch.from_numpy(clip.frames_thwc).permute(0, 3, 1, 2))
    encoded = processor.video_processor(
        videos,
        input_data_format="channels_first",
        do_sample_frames=False,  # the frames are chosen by the media room, and requested is delivered
        cap_pixels_per_frame=_caps_pixels(processor),
        return_tensors="pt",
    )
    return {"pixel_values_videos": encoded["pixel_values_videos"], "video_grid_thw": encoded["video_grid_thw"]}


def _tokens_per_clip(processor: Any, grids: torch.Tensor | None) -> list[int]:
    if grids is None:
        return []
    return [int(count) for count in grids.prod(dim=1) // processor.video_processor.merge_size**2]


def _caps_pixels(processor: Any) -> bool:
    """Whether long clips get fewer pixels a frame: as saved with the checkpoint, else yes, as Qwen's reference does."""
    saved = processor.video_processor.cap_pixels_per_frame
    return True if saved is None else bool(saved)


def _check_aspect(height_px: int, width_px: int) -> None:
    longer, shorter = max(height_px, width_px), min(height_px, width_px)
    if shorter < 1 or longer / shorter > MAX_ASPECT_RATIO:
        raise VideoTooLarge(
            f"frames of {width_px}x{height_px} are too long and thin: Qwen2-VL takes at most {MAX_ASPECT_RATIO} to 1.",
            "Crop or pad the video.",
        )


def _pad_id(processor: Any) -> int:
    pad_id = processor.tokenizer.pad_token_id
    return int(end_of_turn_ids(processor)[0] if pad_id is None else pad_id)
