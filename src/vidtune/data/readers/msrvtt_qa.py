"""MSRVTT-QA and MSVD-QA: ``train_qa.json``, ``val_qa.json``, ``test_qa.json``; a word answers.

[{"answer": "couch", "category_id": 14, "id": 158581, "question": "what do they sit on?", "video_id": 7010}]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._tasks import PROTOCOL, SHORT_INSTRUCTION, asked_sample, known_of, rest_of, text_of

_KEYS = {"answer", "category_id", "id", "question", "video_id"}
_QUESTION_WORDS = ("what", "who", "how", "when", "where")


class _MsrvttQa:
    layout = RECORDS
    looks_like = "`question`, `answer`, `id` and a whole number as `video_id`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"question", "answer", "id"} <= set(record) and isinstance(record.get("video_id"), int)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        question, answer = text_of(record, "question", place), text_of(record, "answer", place)
        number = record.get("video_id")
        if not isinstance(number, int) or isinstance(number, bool):
            place.report("video_id", number, "the number of a video")
            return None
        if question is None or answer is None:
            return None
        kind = question.split()[0].lower()
        split = next((name for name in ("train", "val", "test") if name in place.findings.path.stem), None)
        return asked_sample(
            sample_id=str(record.get("id", "")),
            video=f"video{number}",
            question=f"{question.strip()}\n{SHORT_INSTRUCTION}",
            answer=answer,
            split=split,
            meta={
                PROTOCOL: "short_answers",
                "question_text": question.strip(),
                "question_type": kind if kind in _QUESTION_WORDS else "other",
                **known_of(category=record.get("category_id")),
                **rest_of(record, _KEYS),
            },
        )


READER = _MsrvttQa()
