"""How a conversation with a clip becomes the tensors of one row, through the checkpoint's own processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vidtune.core.errors import BadUsage, VideoTooLarge
from vidtune.models._batch import IGNORED_LABEL, TYPE_IDS, BatchInputs
from vidtune.models._chat import encode_chat
from vidtune.models._runs import cut_into_runs
from vidtune.models._tokens import lead_of, without_lead
from vidtune.models._weights import quiet_transformers

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.media import FrameSet, Sound
    from vidtune.models._native import NativeFamily


_CLIP = -1
"""Stands for the clip where its tokens are not made; no token has this id."""


def encode_row(
    family: NativeFamily, processor: Any, turns: Sequence[Turn], frames: FrameSet | None, *, for_generation: bool
) -> BatchInputs:
    """Return the inputs of one conversation, as a batch of one."""
    clip = cut_into_runs(turns, frames)
    runs = iter(clip.runs)
    media: dict[str, list[torch.Tensor]] = {}
    types_of_runs: list[list[int]] = []

    def expand(piece: str, is_first: bool) -> list[int]:
        ids, types, tensors = family._expand(processor, piece, next(runs), is_first=is_first)
        for name, tensor in tensors.items():
            media.setdefault(name, []).append(tensor)
        types_of_runs.append(types)
        return ids

    chat = encode_chat(
        processor,
        clip.turns,
        media=clip.media(family.media_content),
        asides=clip.asides,
        placeholder=family.placeholder(processor),
        end_of_turn_ids=family.end_of_turn_ids(processor),
        for_generation=for_generation,
        expand=expand,
        adds_end_of_turn=family.adds_end_of_turn,
        text_content=family.text_content,
    )
    ids = torch.tensor([chat.ids])
    tensors = {
        name: of_runs[0] if len(of_runs) == 1 else family.join_media(name, of_runs) for name, of_runs in media.items()
    }
    row = BatchInputs(input_ids=ids, attention_mask=torch.ones_like(ids), **tensors)
    if family.type_ids_name is not None:
        # 0 is text. An opening token of the prompt can stand before what the processor saw.
        types = torch.zeros_like(ids)
        for (_, stop), types_of_run in zip(chat.clip_spans, types_of_runs, strict=True):
            types[0, stop - len(types_of_run) : stop] = torch.tensor(types_of_run, dtype=torch.long)
        row[family.type_ids_name] = types
    if not for_generation:
        row["labels"] = ids.masked_fill(~torch.tensor([chat.is_supervised]), IGNORED_LABEL)
    token = family.visual_token_id(processor)
    row.visual_tokens = (sum(chat.ids[start:stop].count(token) for start, stop in chat.clip_spans),)
    return row


def encode_around_clip(
    family: NativeFamily, processor: Any, turns: Sequence[Turn], frames: FrameSet
) -> tuple[list[int], list[int]]:
    """Return the ids of a prompt before and after the pieces of the template that hold the clip."""
    clip = cut_into_runs(turns, frames)
    chat = encode_chat(
        processor,
        clip.turns,
        media=clip.media(family.media_content),
        asides=clip.asides,
        placeholder=family.placeholder(processor),
        end_of_turn_ids=family.end_of_turn_ids(processor),
        for_generation=True,
        expand=lambda piece, is_first: [_CLIP],
        adds_end_of_turn=family.adds_end_of_turn,
        text_content=family.text_content,
    )
    places = [place for place, token in enumerate(chat.ids) if token == _CLIP]
    return chat.ids[: places[0]], chat.ids[places[-1] + 1 :]


def expand_piece(
    family: NativeFamily, processor: Any, piece: str, frames: FrameSet, *, is_first: bool
) -> tuple[list[int], list[int], dict[str, torch.Tensor]]:
    """Return the ids of a piece with a clip, what each of them stands for, and the clip's tensors."""
    lead = lead_of(processor.tokenizer, is_first=is_first)
    with quiet_transformers():
        encoded = processor(
            text=[lead + piece],
            text_kwargs={"add_special_tokens": False},
            return_tensors="pt",
            **family.media_inputs(frames),
            **family.call_arguments(processor, frames),
        )
    all_ids = encoded.pop("input_ids")[0].tolist()
    ids = without_lead(processor.tokenizer, all_ids, lead) or all_ids
    name = family.type_ids_name
    types = encoded[name][0].tolist()[-len(ids) :] if name is not None else []
    tensors = {
        name: value
        for name, value in encoded.items()
        if isinstance(value, torch.Tensor) and name not in ("attention_mask", *TYPE_IDS)
    }
    return ids, types, tensors


def check_sound(family: NativeFamily, processor: Any, sound: Sound | None) -> None:
    """Refuse sound that the family would not hear as it is.

    Raises:
        BadUsage: If the family does not hear, or at another rate.
        VideoTooLarge: If it is longer than the family takes.
    """
    if sound is None:
        return
    policy = family.sound_policy(processor)
    if policy is None:
        raise BadUsage(f"{family.name} does not hear, found {sound.duration_s:.2f} s of sound.", "Give frames alone.")
    if sound.sample_rate_hz != policy.sample_rate_hz:
        raise BadUsage(
            f"{family.name} hears {policy.sample_rate_hz:,} samples a second, found {sound.sample_rate_hz:,}.",
            "Read the sound at its rate (read_sound).",
        )
    if sound.duration_s > policy.max_duration_s:
        raise VideoTooLarge(
            f"sound of {sound.duration_s:.2f} s is more than the {policy.max_duration_s:.2f} s that {family.name} "
            "takes.",
            "Cut it (read_sound does so with max_duration_s).",
        )


def describe_clip(frames: FrameSet) -> dict[str, Any]:
    """Return what transformers wants to know about a clip, for which its name is video metadata.

    It takes times as frame numbers over a rate. With the times themselves over 1, clips whose frames are not evenly
    spaced keep their true times.
    """
    height_px, width_px = frames.frames_thwc.shape[1:3]
    return {
        "total_num_frames": max(frames.duration_s, 1e-3),
        "fps": 1.0,
        "duration": frames.duration_s,
        "frames_indices": list(frames.times_s),
        "height": height_px,
        "width": width_px,
    }
