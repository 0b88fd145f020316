"""Dense captions of each video: how well events are found, and how they are told where they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import DENSE_TIOUS, Thresholds, TimedText, dense_caption_scores, meteor, parse_events


@dataclass(frozen=True)
class DenseCaptions:
    """See ``vidtune.metrics.dense_caption_scores``: METEOR of overlapping pairs, mean over four overlaps."""

    name: str = "dense_captions"
    label: str = "Dense captions (METEOR at tIoU)"
    field: str = "dense_meteor"
    kind: Literal["score", "proportion"] = "score"
    thresholds: Thresholds | None = None
    baselines: tuple[str, ...] = ("blind_prior",)

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Score the events that each text lists; videos without events do not apply."""
        return [_score(text, sample.meta) for text, sample in zip(texts, samples, strict=True)]


def _score(text: str, meta: Mapping[str, Any]) -> Score:
    references = [events_in(meta, key) for key in ("events", "other_events")]
    references = [events for events in references if events]
    if not references:
        return Score(None)
    predicted, num_unread = parse_events(text)
    predicted = [event for event in predicted if event.end_s is not None]
    by_tiou = {tiou: dense_caption_scores(predicted, references, tiou, _likeness) for tiou in DENSE_TIOUS}
    value = sum(found.text for found in by_tiou.values()) / len(by_tiou)
    fields: dict[str, Any] = {"dense_meteor": value, "num_events": len(predicted), "num_lines_unread": num_unread}
    for tiou, found in by_tiou.items():
        fields[f"dense_precision_{tiou:g}"] = found.precision
        fields[f"dense_recall_{tiou:g}"] = found.recall
    return Score(value, {**fields, "is_parsed": bool(predicted)})


def events_in(meta: Mapping[str, Any], key: str) -> list[TimedText]:
    """Return the true events under a key of a sample's meta; transitions, which are no feedback, are left out."""
    found = meta.get(key)
    return [
        TimedText(float(event["start_s"]), None if event.get("end_s") is None else float(event["end_s"]), event["text"])
        for event in (found if isinstance(found, list) else [])
        if not event.get("is_transition")
    ]


@lru_cache(maxsize=100_000)
def _likeness(prediction: str, reference: str) -> float:
    return meteor(prediction, reference)


METRIC = DenseCaptions()
