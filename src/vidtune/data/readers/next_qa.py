"""NExT-QA, multiple choice and open-ended: ``val.csv`` and ``test.csv``.

    video,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4      answer is the number of the option
    video,frame_count,width,height,question,answer,qid,type                     answer is text: scored by WUPS

``type`` is CW, CH (causal), TN, TC, TP (temporal), DL, DC, DO and others (descriptive).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import Table
from vidtune.data._samples import Sample
from vidtune.data._tasks import (
    PROTOCOL,
    SHORT_INSTRUCTION,
    asked_sample,
    choice_sample,
    known_of,
    option_named,
    options_of,
    rest_of,
    text_of,
    video_of,
)

_OPTIONS = tuple(f"a{index}" for index in range(5))
_GROUPS = {"C": "causal", "T": "temporal", "D": "descriptive"}
_KEYS = {"video", "question", "answer", "qid", "type", "additional_ref_answer", *_OPTIONS}


class _NextQa:
    layout = Table()
    looks_like = "a table with the columns `video`, `question`, `answer`, `qid` and `type`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"video", "question", "qid", "type"} <= set(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video, question = video_of(record, "video", place), text_of(record, "question", place)
        kind = record.get("type", "")
        sample_id = f"{video}_{record.get('qid', '')}"
        meta = known_of(question_type=kind or None, domain=_GROUPS.get(kind[:1]))
        split = next((name for name in ("train", "val", "test") if name in place.findings.path.stem), None)
        if "a0" not in record:
            answers = [record.get("answer", "").strip(), record.get("additional_ref_answer", "").strip()]
            references = [answer for answer in answers if answer]
            return asked_sample(
                sample_id=sample_id,
                video=video,
                question=f"{_asked(question)}\n{SHORT_INSTRUCTION}" if question else None,
                answer=next(iter(references), None),
                split=split,
                meta={
                    PROTOCOL: "next_qa_open",
                    **meta,
                    **known_of(references=references or None, question_text=question),
                    **rest_of(record, _KEYS),
                },
            )
        options = options_of([record.get(name) for name in _OPTIONS], "a0..a4", place)
        return choice_sample(
            place,
            sample_id=sample_id,
            video=video,
            question=_asked(question) if question else None,
            options=options,
            correct=option_named(record.get("answer") or None, options, "answer", place),
            split=split,
            meta={PROTOCOL: "next_qa", **meta, **rest_of(record, _KEYS)},
        )


def _asked(question: str) -> str:
    """Return the question as one writes it: the file has neither capitals nor question marks."""
    text = question.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith("?") else "?")


READER = _NextQa()
