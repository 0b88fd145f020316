"""Whether each answer chooses the right option of a multiple-choice question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import LETTERS, Thresholds, extract_choice


@dataclass(frozen=True)
class ChoiceAccuracy:
    """See ``vidtune.metrics.extract_choice``. What cannot be told is wrong, and counted by the trust check."""

    name: str = "choice_accuracy"
    label: str = "Multiple-choice accuracy"
    field: str = "choice_correct"
    kind: Literal["score", "proportion"] = "proportion"
    thresholds: Thresholds | None = None
    class_prefix: str | None = "choice"
    baselines: tuple[str, ...] = ("blind_prior",)

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Compare the option each text chooses with the right one; not a question with options, not scored."""
        return [_score(text, sample) for text, sample in zip(texts, samples, strict=True)]


def _score(text: str, sample: Prediction) -> Score:
    correct = sample.meta.get("correct_option")
    if not sample.options or not isinstance(correct, int):
        return Score(None)
    choice = extract_choice(text, sample.options)
    fields = {
        "choice_true": LETTERS[correct],
        "choice_predicted": None if choice.index is None else LETTERS[choice.index],
        "choice_rule": choice.rule,
        "choice_correct": choice.index == correct,
        "is_parsed": choice.index is not None,
    }
    return Score(float(choice.index == correct), fields)


METRIC = ChoiceAccuracy()
