"""QVED and LLaVA: ``{"video": "squats/0001.mp4", "conversations": [{"from": "human", "value": ...}, ...]}``.

``video`` may be a list of one, as VideoLLaMA3 writes it; ``videos`` is accepted too. ``id`` and ``split`` are
optional, as is ``audio``, the path of a sound file. The ``<video>`` tag in a question is not needed and is taken out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._conversation import SPEAKERS, build_sample, is_sharegpt, read_conversation, read_video
from vidtune.data._findings import ABSENT, Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._strict_json import as_list


class _Qved:
    layout = RECORDS
    looks_like = "`video` and `conversations`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "conversations" in record and not is_sharegpt(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        key = "videos" if "videos" in record and "video" not in record else "video"
        video = read_video(record.get(key, ABSENT), key, place)
        turns = read_conversation(record, place)
        return build_sample(record, place, video=video, turns=turns, own_keys={key, "conversations"})

    def to_record(self, sample: Sample) -> dict[str, Any]:
        turns = [{"from": SPEAKERS[turn.role], "value": turn.text} for turn in sample.turns]
        fields = {"split": sample.split, "subject": sample.subject, "label": sample.label}
        return {
            "id": sample.sample_id,
            "video": sample.video,
            "conversations": turns,
            **{key: value for key, value in fields.items() if value is not None},
            **sample.meta,
        }

    def encode(self, records: list[dict[str, Any]]) -> str:
        return as_list(records)


READER = _Qved()
