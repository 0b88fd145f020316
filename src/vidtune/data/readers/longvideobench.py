"""LongVideoBench: ``lvb_val.json``, ``lvb_test_wo_gt.json``, and the table form with ``option0`` to ``option4``.

    {"id": "86CxyhFV9MI_0", "video_id": "86CxyhFV9MI", "video_path": "86CxyhFV9MI.mp4", "subtitle_path": "..._en.json",
     "question": ..., "candidates": [...], "correct_choice": 1, "position": [854, 1048], "question_category": "T2E",
     "level": "L1-Perception", "topic_category": ..., "duration_group": 15, "duration": 13.0,
     "starting_timestamp_for_subtitles": 0.0}

``position`` holds native frame numbers of the evidence and is kept. The test file has no right answers. Subtitles stand
between the frames, as in the benchmark's own loader, and begin with the longer video that a clip was cut from.
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
    number_of,
    option_named,
    options_of,
    rest_of,
    text_of,
    video_of,
)

_PADDING = "N/A"
_KEYS = {
    "id",
    "video_path",
    "subtitle_path",
    "question",
    "candidates",
    "correct_choice",
    "position",
    "question_category",
    "topic_category",
    "duration_group",
    "duration",
    "starting_timestamp_for_subtitles",
    *(f"option{index}" for index in range(5)),
}


class _LongVideoBench:
    layout = RECORDS
    looks_like = "`video_path`, `question`, `duration_group` and `candidates` or `option0`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"video_path", "question", "duration_group"} <= set(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        written = record.get("candidates")
        if written is None:
            written = [
                record[f"option{index}"] for index in range(5) if record.get(f"option{index}", _PADDING) != _PADDING
            ]
        options = options_of(written, "candidates", place)
        position = record.get("position")
        if position is not None and not (isinstance(position, list) and all(isinstance(at, int) for at in position)):
            place.report("position", position, "a list of frame numbers")
            return None
        duration_s = number_of(record, "duration", place)
        meta = known_of(
            question_type=record.get("question_category"),
            domain=record.get("topic_category"),
            duration_group=record.get("duration_group"),
            duration_s=duration_s,
            evidence_frames=position or None,
            subtitle_path=record.get("subtitle_path"),
            subtitle_start_s=number_of(record, "starting_timestamp_for_subtitles", place) or None,
            subtitle_place="between",
        )
        return choice_sample(
            place,
            sample_id=str(record.get("id") or ""),
            video=video_of(record, "video_path", place),
            question=text_of(record, "question", place),
            options=options,
            correct=option_named(record.get("correct_choice"), options, "correct_choice", place),
            split="test" if "test" in place.findings.path.name else "val",
            meta={PROTOCOL: "longvideobench", **meta, **rest_of(record, _KEYS)},
        )


READER = _LongVideoBench()
