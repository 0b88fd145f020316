"""QVED and LLaVA: ``{"video": "squats/0001.mp4", "conversations": [{"from": "human", "value": ...}, ...]}``.

``video`` may be a list of one, as VideoLLaMA3 writes it; ``videos`` is accepted too. ``id`` and ``split`` are
optional. The ``<video>`` tag in a question is not needed and is taken out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._conversation import build_sample, read_turns, read_video, strip_media_tags
from vidtune.data._findings import ABSENT, Place
from vidtune.data._samples import Role, Sample, Turn

_ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}
_SPEAKERS: dict[Role, str] = {"user": "human", "assistant": "gpt", "system": "system"}


class _Qved:
    is_lines = False
    looks_like = "`video` and `conversations`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "conversations" in record

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        key = "videos" if "videos" in record and "video" not in record else "video"
        video = read_video(record.get(key, ABSENT), key, place)
        turns = _read_conversation(record, place)
        return build_sample(record, place, video=video, turns=turns, own_keys={key, "conversations"})

    def to_record(self, sample: Sample) -> dict[str, Any]:
        turns = [{"from": _SPEAKERS[turn.role], "value": turn.text} for turn in sample.turns]
        fields = {"split": sample.split, "subject": sample.subject, "label": sample.label}
        return {
            "id": sample.sample_id,
            "video": sample.video,
            "conversations": turns,
            **{key: value for key, value in fields.items() if value is not None},
            **sample.meta,
        }


def _read_conversation(record: Mapping[str, Any], place: Place) -> list[Turn] | None:
    written = read_turns(record, "conversations", ("from", "value"), _ROLES, place)
    if written is None:
        return None
    turns = []
    for role, content, field in written:
        if isinstance(content, str):
            turns.append(Turn(role, strip_media_tags(content)))
        else:
            place.report(field, content, "text")
    return turns if len(turns) == len(written) else None


READER = _Qved()
