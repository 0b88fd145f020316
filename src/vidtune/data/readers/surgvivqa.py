"""SurgViVQA / REAL-Colon-VQA: ``in_template.jsonl`` and ``out_template.jsonl``, eight frames and a question a line.

    {"id": "qa_000007", "video_id": "002-003", "frames": ["002-003_39453", ...], "frame_numbers": [39453, ...],
     "question": ..., "question_type": "scope_motion", "answer": "a long sentence", "short_answer": "yes"}

The clip is the folder ``frames/<video_id>`` with those frames, or a file when the line has ``video``. The published
split tests on video 002-006; a recording is one patient, and stands as the subject. A spoken question is looked for
as ``audio/<in|out>_<video_id>/<id>.mp3`` (or .wav) beside the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._tasks import PROTOCOL, asked_sample, known_of, rest_of, text_of, texts_of, video_of

TEST_VIDEO = "002-006"
_KEYS = {"id", "video_id", "video", "frames", "question", "question_type", "answer", "short_answer"}


class _SurgVivqa:
    layout = RECORDS
    looks_like = "`video_id`, `question` and `short_answer`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"video_id", "question", "short_answer"} <= set(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        recording, question = text_of(record, "video_id", place), text_of(record, "question", place)
        short_answer = text_of(record, "short_answer", place)
        has_file = "video" in record
        video = video_of(record, "video" if has_file else "video_id", place)
        frames = None if has_file else texts_of(record, "frames", place)
        if None in (recording, question, short_answer, video) or (frames is None and not has_file):
            return None
        sample_id = str(record.get("id") or "")
        template = next((name for name in ("in", "out") if place.findings.path.name.startswith(f"{name}_")), None)
        answer = record.get("answer")
        meta = known_of(
            question_type=record.get("question_type"),
            short_answer=short_answer,
            frames=frames,
            template=template,
            audio=_audio(place, template, recording, sample_id),
        )
        return asked_sample(
            sample_id=sample_id,
            video=video if has_file else f"frames/{video}",
            question=question,
            answer=answer if isinstance(answer, str) and answer.strip() else short_answer,
            split="test" if recording == TEST_VIDEO else "train",
            subject=recording,
            meta={PROTOCOL: "surgvivqa", **meta, **rest_of(record, _KEYS)},
        )


def _audio(place: Place, template: str | None, recording: str | None, sample_id: str) -> str | None:
    root = place.findings.path.parent
    for suffix in (".mp3", ".wav"):
        name = f"audio/{template}_{recording}/{sample_id}{suffix}"
        if template and sample_id and (root / name).is_file():
            return name
    return None


READER = _SurgVivqa()
