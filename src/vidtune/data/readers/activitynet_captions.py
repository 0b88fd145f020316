"""ActivityNet Captions for dense captioning: ``train.json``, ``val_1.json``, ``val_2.json``.

    {"v_QOlSCBRmfWY": {"duration": 82.73, "timestamps": [[0.83, 19.86], ...], "sentences": ["A young woman ...", ...]}}

One sample a video, asked for all its events with their times. Read beside ``val_2.json``, ``val_1.json`` gets that
second annotator's events as well: the official score takes the better of both. For whole paragraphs there is
``activitynet_paragraphs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidtune.data._findings import Findings, Place
from vidtune.data._layouts import ObjectByKey
from vidtune.data._samples import Sample
from vidtune.data._tasks import PROTOCOL, asked_sample, events_of, known_of, number_of, read_beside, texts_of, video_of
from vidtune.metrics import format_events

QUESTION = (
    "Describe every event of this video in order, each on a line of its own with the seconds at which it begins and "
    "ends, as in `0.0-12.5 s: A man opens the door.`"
)
_SPLITS = {"train": "train", "val_1": "val", "val_2": "val", "test": "test"}


class _ActivityNetCaptions:
    layout = ObjectByKey("video")
    looks_like = "an object from videos to `duration`, `timestamps` and `sentences`"

    def recognises(self, record: Mapping[str, Any]) -> bool:
        return {"timestamps", "sentences"} <= set(record)

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        video, duration_s = video_of(record, "video", place), number_of(record, "duration", place)
        events = read_events(record, place)
        if video is None or events is None:
            return None
        others = _second_events(place.findings.path, video)
        return asked_sample(
            sample_id=video,
            video=video,
            question=QUESTION,
            answer=format_events(events),
            split=split_of(place.findings.path),
            meta={
                PROTOCOL: "dense_captions",
                "events": events,
                **known_of(other_events=others or None, duration_s=duration_s),
            },
        )


def read_events(record: Mapping[str, Any], place: Place) -> list[dict[str, Any]] | None:
    """Return the events of one video, in the order of the file; None after a report. One without words is none."""
    spans, sentences = record.get("timestamps"), record.get("sentences")
    if not isinstance(spans, list):
        place.report("timestamps", spans, "a list of [start, end]")
        return None
    if texts_of(record, "sentences", place) is None or not isinstance(sentences, list):
        return None
    if len(spans) != len(sentences):
        return events_of(spans, sentences, "timestamps", place)  # which reports it
    told = [(span, text) for span, text in zip(spans, sentences, strict=True) if text.strip()]
    return events_of([span for span, _ in told], [text for _, text in told], "timestamps", place)


def split_of(path: Path) -> str | None:
    """Return the official split by the file's name."""
    return next((split for part, split in _SPLITS.items() if part in path.stem), None)


def _second_events(path: Path, video: str) -> list[dict[str, Any]]:
    """Return what ``val_2.json`` beside ``val_1.json`` says of a video."""
    if "val_1" not in path.name:
        return []
    value = read_beside(path.with_name(path.name.replace("val_1", "val_2")))
    record = value.get(video) if isinstance(value, dict) else None
    found = read_events(record, Place(Findings(path), "")) if isinstance(record, dict) else None
    return found or []


READER = _ActivityNetCaptions()
