"""Whether each answer names the right exercise, by the published rule of QVED 1.0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import Thresholds, is_compat_match


@dataclass(frozen=True)
class ExerciseIdentificationCompat:
    """See ``vidtune.metrics.compat_exercise``: text before the first hyphen, faults included."""

    name: str = "exercise_identification_compat"
    label: str = "Exercise Identification (QVED 1.0 rule)"
    field: str = "exercise_correct_compat"
    kind: Literal["score", "proportion"] = "proportion"
    thresholds: Thresholds | None = None
    baselines: tuple[str, ...] = ("blind_prior",)

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Compare the text before the first hyphen; left out where the data names no exercises."""
        if not context.catalogue.classes:
            return [Score(None)] * len(texts)
        return [self._score(text, sample.answer) for text, sample in zip(texts, samples, strict=True)]

    def _score(self, text: str, answer: str) -> Score:
        if not answer.strip():
            return Score(None)
        is_match = is_compat_match(text, answer)
        return Score(float(is_match), {self.field: is_match})


METRIC = ExerciseIdentificationCompat()
