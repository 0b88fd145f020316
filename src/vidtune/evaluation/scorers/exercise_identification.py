"""Whether each answer names the right exercise, by our rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import ExerciseCatalogue, Thresholds


@dataclass(frozen=True)
class ExerciseIdentification:
    """See ``vidtune.metrics.ExerciseCatalogue.identify``; an answer that names no exercise is wrong."""

    name: str = "exercise_identification"
    label: str = "Exercise Identification"
    field: str = "exercise_correct"
    kind: Literal["score", "proportion"] = "proportion"
    thresholds: Thresholds | None = None
    class_prefix: str | None = "exercise"
    baselines: tuple[str, ...] = ("blind_prior",)
    settings: tuple[str, ...] = ("catalogue",)

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Compare the exercise each text names with that of the sample."""
        named = {text: context.catalogue.identify(text) for text in set(texts)}
        return [
            _score(true_exercise(sample, context.catalogue), named[text])
            for text, sample in zip(texts, samples, strict=True)
        ]


def true_exercise(sample: Prediction, catalogue: ExerciseCatalogue) -> str | None:
    """Return the sample's label where it is an exercise of the catalogue, else what its answer names."""
    return sample.label if sample.label in catalogue.classes else catalogue.identify(sample.answer)


def _score(truth: str | None, predicted: str | None) -> Score:
    if truth is None:
        return Score(None)
    is_correct = predicted == truth
    fields = {"exercise_true": truth, "exercise_predicted": predicted, "exercise_correct": is_correct}
    return Score(float(is_correct), fields)


METRIC = ExerciseIdentification()
