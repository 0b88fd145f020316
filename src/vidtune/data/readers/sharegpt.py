"""ShareGPT with videos: ``{"conversations": [{"from": "human", "value": "<video>..."}, ...], "videos": ["0001.mp4"]}``.

As LlamaFactory's ``formatting: sharegpt`` wants it; apart from the list it is QVED's shape. ``audios`` may name one
sound file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._conversation import (
    AUDIO_TAG,
    SPEAKERS,
    VIDEO_TAG,
    build_sample,
    is_sharegpt,
    read_conversation,
    read_video,
)
from vidtune.data._findings import ABSENT, Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._strict_json import as_list


class _ShareGpt:
    layout = RECORDS
    looks_like = "`videos` and `conversations`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "conversations" in record and is_sharegpt(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video = read_video(record.get("videos", ABSENT), "videos", place)
        turns = read_conversation(record, place)
        return build_sample(record, place, video=video, turns=turns, own_keys={"videos", "conversations"})

    def to_record(self, sample: Sample) -> dict[str, Any]:
        first_user = next((index for index, turn in enumerate(sample.turns) if turn.role == "user"), -1)
        audio = sample.meta.get("audio")
        tags = VIDEO_TAG + AUDIO_TAG if audio else VIDEO_TAG
        turns = [
            {"from": SPEAKERS[turn.role], "value": (tags if index == first_user else "") + turn.text}
            for index, turn in enumerate(sample.turns)
        ]
        fields = {"split": sample.split, "subject": sample.subject, "label": sample.label}
        return {
            "id": sample.sample_id,
            "conversations": turns,
            "videos": [sample.video],
            **({"audios": [audio]} if audio else {}),
            **{key: value for key, value in fields.items() if value is not None},
            **{key: value for key, value in sample.meta.items() if key != "audio"},
        }

    def encode(self, records: list[dict[str, Any]]) -> str:
        return as_list(records)


READER = _ShareGpt()
