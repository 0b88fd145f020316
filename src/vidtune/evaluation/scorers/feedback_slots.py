"""What each piece of feedback says, slot by slot: exercise, body part, error, direction, side, severity, correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import Thresholds
from vidtune.metrics.slots import FeedbackSlots, Lexicon, lexicons, score_feedback

SLOTS = ("exercise", "body_part", "error", "direction", "laterality", "severity", "correction")
_FIELDS = tuple((slot, f"slot_{slot}") for slot in SLOTS)


@dataclass(frozen=True)
class FeedbackSlotMetric:
    """See ``vidtune.metrics.slots``: the opposite advice scores nothing on direction, however alike the words.

    A sample whose reference answer says nothing that the lexicon knows does not apply.
    """

    name: str = "feedback_slots"
    label: str = "Feedback, slot by slot"
    field: str = "feedback_slots"
    kind: Literal["score", "proportion"] = "score"
    judges_content: bool = True
    thresholds: Thresholds | None = Thresholds(green=0.7, yellow=0.4)
    baselines: tuple[str, ...] = ("blind_prior", "per_exercise_majority")
    settings: tuple[str, ...] = ("lexicon", "catalogue")

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Compare the reading of each text with that of the reference answer."""
        lexicon = lexicons.get(context.lexicon)
        pairs = [(text, sample.answer) for text, sample in zip(texts, samples, strict=True)]
        return context.score_once(
            self.name, pairs, lambda pair: _score(context.read(pair[0]), context.read(pair[1]), lexicon)
        )


def _score(predicted: FeedbackSlots, reference: FeedbackSlots, lexicon: Lexicon) -> Score:
    if not (reference.advice or reference.errors or reference.is_praise):
        return Score(None)
    scores = score_feedback(predicted, reference, lexicon)
    fields = {
        "feedback_slots": scores.total,
        **{field: scores.by_slot[slot] for slot, field in _FIELDS},
        "num_hallucinated": scores.num_hallucinated,
        "num_missed": scores.num_missed,
        "is_contradiction": scores.is_contradiction,
        "is_safety": scores.is_safety,
        "is_unsafe_miss": scores.is_unsafe_miss,
    }
    return Score(scores.total, fields)


METRIC = FeedbackSlotMetric()
