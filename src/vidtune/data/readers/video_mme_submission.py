"""Video-MME in the form of its official submission file: the questions are inside their video.

[{"video_id": "001", "duration": "short", "domain": ..., "sub_category": ...,
  "questions": [{"question_id": "001-1", "task_type": ..., "question": ..., "options": [...], "answer": "C"}]}]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import NestedList
from vidtune.data._samples import Sample
from vidtune.data.readers.video_mme import read_question


class _VideoMmeSubmission:
    layout = NestedList("questions")
    looks_like = "`video_id` and `questions`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"video_id", "question_id", "task_type"} <= set(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        return read_question(record, place)


READER = _VideoMmeSubmission()
