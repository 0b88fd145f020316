"""QEVD-FIT-300K: ``fine_grained_labels.json`` and ``feedbacks_short_clips.json``.

    [{"video_path": "./00002012.mp4", "labels": ["squats - knees in"], "labels_descriptive": ["squats - Your ..."]}]
    [{"video_path": "./00002012.mp4", "feedbacks": ["Push your knees out."]}]

The answer is chosen as QVED chooses it: the descriptive labels, one a line, else the first label, else the first
feedback. Where there is none of them the clip has no answer; QVED writes "No feedback available." there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.data._findings import Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._tasks import asked_sample, known_of, rest_of, video_of

EVALUATE_QUESTION = (
    "Please evaluate the exercise form shown. What mistakes, if any, are present, "
    "and what corrections would you recommend?"
)
FEEDBACK_QUESTION = (
    "Please evaluate the exercise form shown. What feedback would you provide to improve the performance?"
)
"""Both are strings of the published data, word for word."""

_KEYS = ("labels", "labels_descriptive", "feedbacks")


class _QevdClips:
    layout = RECORDS
    looks_like = "`video_path` and `labels` or `feedbacks`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "video_path" in record and any(key in record for key in _KEYS)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video = video_of(record, "video_path", place)
        texts = {key: _texts(record, key, place) for key in _KEYS}
        if any(found is None for found in texts.values()):
            return None
        descriptive, labels, feedbacks = texts["labels_descriptive"], texts["labels"], texts["feedbacks"]
        answer = "\n".join(descriptive or []) or next(iter(labels or feedbacks or []), "")
        meta = known_of(labels=labels or None, references=feedbacks if feedbacks and len(feedbacks) > 1 else None)
        return asked_sample(
            sample_id="",
            video=video,
            question=FEEDBACK_QUESTION if "feedbacks" in record and "labels" not in record else EVALUATE_QUESTION,
            answer=answer,
            meta={**meta, **rest_of(record, {"video_path", *_KEYS})},
        )


def _texts(record: Mapping[str, Any], key: str, place: Place) -> list[str] | None:
    """Return a list of texts that may be absent or one text; None after a report."""
    value = record.get(key)
    if value is None:
        return []
    listed = value if isinstance(value, list) else [value]
    if all(isinstance(item, str) for item in listed):
        return [item.strip() for item in listed if item.strip()]
    place.report(key, value, "text or a list of texts")
    return None


READER = _QevdClips()
