"""Video-MME, one record a question, as its table: Parquet, or exported to JSON.

    {"video_id": "001", "duration": "short", "domain": "Knowledge", "sub_category": "Humanity & History",
     "url": ..., "videoID": "fFjv93ACGo8", "question_id": "001-1", "task_type": "Counting Problem",
     "question": ..., "options": ["A. Apples.", ...], "answer": "C"}

The form of the official submission, with the questions inside their video, is ``video_mme_submission``. Subtitles are
``subtitle/<videoID>.srt``; whether they are shown is a matter of ``data.subtitles``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._tasks import (
    PROTOCOL,
    choice_sample,
    known_of,
    option_named,
    options_of,
    rest_of,
    text_of,
    video_of,
)

_KEYS = {"videoID", "question_id", "question", "options", "answer", "task_type", "domain", "duration"}


class _VideoMme:
    layout = RECORDS
    looks_like = "`question_id`, `task_type`, `question` and `options`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"question_id", "task_type", "question", "options"} <= set(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        return read_question(record, place)


def read_question(record: Mapping[str, Any], place: Place) -> Sample | None:
    """Return one question of Video-MME; ``response`` of a filled submission is left out."""
    key = "videoID" if "videoID" in record else "video_id"
    options = options_of(record.get("options"), "options", place)
    video = video_of(record, key, place)
    meta = known_of(
        question_type=record.get("task_type"),
        domain=record.get("domain"),
        duration_group=record.get("duration"),
        subtitle_path=f"{video}.srt" if video else None,
    )
    return choice_sample(
        place,
        sample_id=str(record.get("question_id") or ""),
        video=video,
        question=text_of(record, "question", place),
        options=options,
        correct=option_named(record.get("answer"), options, "answer", place),
        split="test",
        meta={PROTOCOL: "video_mme", **meta, **rest_of(record, {*_KEYS, "response"})},
    )


READER = _VideoMme()
