"""MLVU: ``1_plotQA.json`` ... ``9_summary.json`` of the dev set, and the test set with six options.

    {"video": "movie101_66.mp4", "duration": 480, "question": ..., "candidates": ["Yellow", ...], "answer": "Yellow",
     "question_type": "plotQA"}

Multiple choice where there are candidates (dev four, test six, A to F); sub-scene captions and summaries are free
text, sub-scenes with their ``scoring_points``. Files of the test set have ``test`` in their name or no answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._tasks import (
    PROTOCOL,
    asked_sample,
    choice_sample,
    known_of,
    number_of,
    option_named,
    options_of,
    rest_of,
    text_of,
    video_of,
)

_KEYS = {"video", "duration", "question", "candidates", "answer", "question_type", "question_id", "scoring_points"}
_NUM_TEST_OPTIONS = 6


class _Mlvu:
    layout = RECORDS
    looks_like = "`video`, `question`, `question_type` and perhaps `candidates`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"video", "question", "question_type"} <= set(record) and "video_id" not in record

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        question, video = text_of(record, "question", place), video_of(record, "video", place)
        task = text_of(record, "question_type", place)
        duration_s = number_of(record, "duration", place)
        common = {**known_of(question_type=task, duration_s=duration_s), **rest_of(record, _KEYS)}
        sample_id = str(record.get("question_id") or "")
        if "candidates" not in record:
            answer = record.get("answer")
            return asked_sample(
                sample_id=sample_id,
                video=video,
                question=question,
                answer=answer if isinstance(answer, str) else None,
                split="dev",
                meta={PROTOCOL: "mlvu_generation", **known_of(scoring_points=record.get("scoring_points")), **common},
            )
        options = options_of(record["candidates"], "candidates", place)
        is_test = "test" in place.findings.path.stem.lower() or len(options or ()) == _NUM_TEST_OPTIONS
        return choice_sample(
            place,
            sample_id=sample_id,
            video=video,
            question=question,
            options=options,
            correct=option_named(record.get("answer"), options, "answer", place),
            split="test" if is_test else "dev",
            meta={PROTOCOL: "mlvu_test" if is_test else "mlvu_dev", **common},
        )


READER = _Mlvu()
