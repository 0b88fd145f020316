"""EgoSchema: five options about three minutes of one's own view.

    {"question_idx": "0", "question": ..., "video_idx": "0074f737-...", "option": ["C picks ...", ...], "answer": "3"}
    {"q_uid": "0074f737-...", "question": ..., "option 0": ..., ..., "option 4": ...}

The second form is the official ``questions.json``; right answers of the public 500 are in ``subset_answers.json``
beside it. All others are kept back and judged by the challenge's server: they are marked, so that a run over all
5,031 questions is scored on the public ones and hands in the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
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
    read_beside,
    rest_of,
    text_of,
    video_of,
)

_OFFICIAL_OPTIONS = tuple(f"option {index}" for index in range(5))
_KEYS = {"question_idx", "q_uid", "question", "video_idx", "option", "answer", *_OFFICIAL_OPTIONS}


class _EgoSchema:
    layout = RECORDS
    looks_like = "`question`, and `video_idx` with `option`, or `q_uid` with `option 0` to `option 4`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"video_idx", "option"} <= set(record) or {"q_uid", "option 0"} <= set(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        is_official = "q_uid" in record
        key = "q_uid" if is_official else "video_idx"
        written = [record.get(name) for name in _OFFICIAL_OPTIONS] if is_official else record.get("option")
        options = options_of(written, "option", place)
        video = video_of(record, key, place)
        answer = record.get("answer")
        if answer is None and video is not None:
            answer = _public_answers(place.findings.path.parent).get(video)
        correct = option_named(answer, options, "answer", place)
        return choice_sample(
            place,
            sample_id=str(record.get("question_idx") or video or ""),
            video=video,
            question=text_of(record, "question", place),
            options=options,
            correct=correct,
            split="subset" if correct is not None else "test",
            meta={
                PROTOCOL: "egoschema",
                **known_of(answer_kept_back=True if correct is None else None),
                **rest_of(record, _KEYS),
            },
        )


def _public_answers(folder: Path) -> Mapping[str, Any]:
    value = read_beside(folder / "subset_answers.json")
    return value if isinstance(value, dict) else {}


READER = _EgoSchema()
