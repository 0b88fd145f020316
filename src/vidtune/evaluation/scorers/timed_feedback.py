"""What feedback says where it came at its moment: METEOR of the pairs that match in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.evaluation.scorers.dense_captions import events_in
from vidtune.metrics import Thresholds, match_in_time, meteor, parse_events


@dataclass(frozen=True)
class TimedFeedback:
    """QEVD compares texts of matched pairs only; a session without a pair does not apply."""

    name: str = "timed_feedback"
    label: str = "METEOR of feedback at its moment"
    field: str = "timed_meteor"
    kind: Literal["score", "proportion"] = "score"
    thresholds: Thresholds | None = None
    baselines: tuple[str, ...] = ()

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Match the feedback of each text with that of its session and compare the words of the pairs."""
        return [_score(text, sample) for text, sample in zip(texts, samples, strict=True)]


def _score(text: str, sample: Prediction) -> Score:
    truths = events_in(sample.meta, "events")
    if not truths:
        return Score(None)
    predicted, num_unread = parse_events(text)
    matched = match_in_time([event.start_s for event in predicted], [event.start_s for event in truths])
    likeness = [meteor(predicted[own].text, truths[other].text) for own, other in matched.pairs]
    value = sum(likeness) / len(likeness) if likeness else None
    fields = {
        "timed_meteor": value,
        "timed_counts": [
            matched.num_predicted,
            matched.num_true,
            matched.num_predicted_matched,
            matched.num_true_matched,
        ],
        "num_lines_unread": num_unread,
        "is_parsed": bool(predicted),
    }
    return Score(value, fields)


METRIC = TimedFeedback()
