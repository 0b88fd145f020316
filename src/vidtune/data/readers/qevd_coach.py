"""QEVD-FIT-COACH: ``feedbacks_long_range.json``, sessions with feedback at its times.

    [{"long_range_video_file": "videos/0001.mp4", "video_timestamps": "timestamps/0001.npy",
      "feedbacks": ["", "First up are squats!", "First up are squats!", "", ...],    one text a frame, "" in silence
      "feedback_timestamps": [0.4, 6.0, ...],                                        one time for each span of speech
      "is_transition": [true, false, ...]}]

Times are seconds from the first frame; absolute ones are made so by the file of timestamps, where it is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from vidtune.data._findings import ABSENT, Place
from vidtune.data._layouts import RECORDS
from vidtune.data._samples import Sample
from vidtune.data._tasks import PROTOCOL, asked_sample, known_of, rest_of, video_of
from vidtune.metrics import format_events

QUESTION = (
    "You coach this workout. Write every piece of feedback that you would give, each on a line of its own with the "
    "second at which you would say it, as in `12.5 s: Push your knees out.`"
)
_TRANSITION = re.compile(
    r"^(?:first up are|moving on to|next up are|next up is|first up is)\s+(.*?)[!.]*$", re.IGNORECASE
)
_RENAMED = {"armcrosschest": "deltoid stretch"}
"""Names in the published file that mean another exercise of it."""

_KEYS = {"long_range_video_file", "video_timestamps", "feedbacks", "feedback_timestamps", "is_transition"}


class _QevdCoach:
    layout = RECORDS
    looks_like = "`long_range_video_file` and `feedbacks`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return "long_range_video_file" in record

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video = video_of(record, "long_range_video_file", place)
        events = _events(record, place)
        if video is None or events is None:
            return None
        said = [event for event in events if not event["is_transition"]]
        meta = {PROTOCOL: "qevd_coach", "events": events, **known_of(exercises=_exercises(events) or None)}
        return asked_sample(
            sample_id="",
            video=video,
            question=QUESTION,
            answer=format_events(said),
            meta={**meta, **rest_of(record, _KEYS)},
        )


def _events(record: Mapping[str, Any], place: Place) -> list[dict[str, Any]] | None:
    """Return what is said, with its times and the exercise of the moment; None after a report."""
    dense, times, flags = (record.get(key, ABSENT) for key in ("feedbacks", "feedback_timestamps", "is_transition"))
    if not isinstance(dense, list) or not all(isinstance(text, str) for text in dense):
        place.report("feedbacks", dense, "a list of texts, one a frame")
        return None
    if not isinstance(times, list) or not all(isinstance(time, int | float) for time in times):
        place.report("feedback_timestamps", times, "a list of seconds")
        return None
    spans = [text for text, _ in groupby(dense) if text.strip()]
    flags = [False] * len(times) if flags is ABSENT else flags
    if not isinstance(flags, list) or len(flags) != len(times) or len(spans) != len(times):
        found = (
            f"{len(spans)} spans of speech, {len(times)} times, {len(flags) if isinstance(flags, list) else 'no'} flags"
        )
        place.report_text("feedbacks", found, "as many times and flags as spans")
        return None
    begin_s = _begin_s(record, place)
    exercise = None
    events = []
    for text, time_s, is_transition in zip(spans, times, flags, strict=True):
        named = _TRANSITION.match(text.strip()) if is_transition else None
        if named:
            exercise = _RENAMED.get(named.group(1).strip().lower(), named.group(1).strip().lower())
        event = {
            "start_s": round(float(time_s) - begin_s, 6),
            "text": text.strip(),
            "is_transition": bool(is_transition),
        }
        events.append({**event, **known_of(exercise=exercise)})
    return events


def _begin_s(record: Mapping[str, Any], place: Place) -> float:
    """Return the time of the first frame by the file of timestamps; 0 where it is not there."""
    name = record.get("video_timestamps")
    if not isinstance(name, str):
        return 0.0
    for path in (place.findings.path.parent / name, place.findings.path.parent / name.rsplit("/", 1)[-1]):
        if path.is_file():
            try:
                return float(np.ravel(np.load(path, allow_pickle=False))[0])
            except (OSError, ValueError, IndexError) as exc:
                place.report_text("video_timestamps", f"a file that cannot be read ({exc})", "a NumPy array of seconds")
    return 0.0


def _exercises(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(event["exercise"] for event in events if "exercise" in event))


READER = _QevdCoach()
