"""Prompts, labels and pixels of Qwen2-VL.

A clip comes first in the first user turn. A conversation without a system turn gets the one of the checkpoint's
template ("You are a helpful assistant." for Qwen2-VL), the same in training and inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vidtune.models._batch import IGNORED_LABEL, BatchInputs, pad_rows
from vidtune.models._chat import encode_chat
from vidtune.models._runs import cut_into_runs
from vidtune.models.families.qwen2_vl.config import VIDEO_PLACEHOLDER
from vidtune.models.families.qwen2_vl.pixels import caps_pixels

if TYPE_CHECKING:
    from vidtune.media import FrameSet
    from vidtune.models._family import PromptItem

_MEDIA = ({"type": "video"},)

_VIDEO_TYPE = 2
"""``mm_token_type_ids`` of a clip's tokens."""


def encode(
    processor: Any, items: Sequence[PromptItem], end_of_turn_ids: Sequence[int], *, for_generation: bool
) -> BatchInputs:
    """Return left-padded prompts, or right-padded conversations with labels; see ``Family``."""
    if not items:
        raise ValueError("a batch needs at least one conversation.")
    clips = [cut_into_runs(turns, frames) for turns, frames in items]
    tensors = _encode_clips(processor, [run for clip in clips for run in clip.runs])
    num_tokens = iter(_tokens_per_clip(processor, tensors.get("video_grid_thw")))
    placeholder = processor.tokenizer.convert_tokens_to_ids(VIDEO_PLACEHOLDER)

    pad_id = processor.tokenizer.pad_token_id
    fill = end_of_turn_ids[0] if pad_id is None else int(pad_id)

    rows: list[list[int]] = []
    labels: list[list[int]] = []
    types: list[list[int]] = []
    for clip in clips:
        chat = encode_chat(
            processor,
            clip.turns,
            media=clip.media(lambda run: _MEDIA),
            asides=clip.asides,
            end_of_turn_ids=end_of_turn_ids,
            for_generation=for_generation,
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
        input_ids=pad_rows(rows, fill, left=for_generation),
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
    videos = [torch.from_numpy(clip.frames_thwc).permute(0, 3, 1, 2) for clip in clips]
    encoded = processor.video_processor(
        videos,
        input_data_format="channels_first",
        do_sample_frames=False,  # the frames are chosen by the media room, and requested is delivered
        cap_pixels_per_frame=caps_pixels(processor),
        return_tensors="pt",
    )
    return {"pixel_values_videos": encoded["pixel_values_videos"], "video_grid_thw": encoded["video_grid_thw"]}


def _tokens_per_clip(processor: Any, grids: torch.Tensor | None) -> list[int]:
    if grids is None:
        return []
    return [int(count) for count in grids.prod(dim=1) // processor.video_processor.merge_size**2]
