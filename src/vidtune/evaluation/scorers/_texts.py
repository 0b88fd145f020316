"""Metrics that compare a text with one or several reference texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import Thresholds


@dataclass(frozen=True)
class TextMetric:
    """A function of a prediction and its references; pairs that recur, as those of baselines do, are scored once."""

    name: str
    label: str
    score: Callable[[str, tuple[str, ...]], float | bool] = field(repr=False)
    """From the prediction and its references to 0 to 1, or to right or wrong."""

    kind: Literal["score", "proportion"] = "score"
    thresholds: Thresholds | None = None
    baselines: tuple[str, ...] = ("blind_prior",)
    references_of: Callable[[Prediction], tuple[str, ...]] = field(default=lambda sample: sample.references, repr=False)
    """The texts compared with; empty ones do not count."""

    @property
    def field(self) -> str:
        """Field of the scores, which has the metric's name."""
        return self.name

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Score each text against the references of its sample; without a reference it does not apply."""
        pairs = [(text, self._references(sample)) for text, sample in zip(texts, samples, strict=True)]
        return context.score_once(self.name, pairs, self._score)

    def _references(self, sample: Prediction) -> tuple[str, ...]:
        return tuple(text for text in self.references_of(sample) if text.strip())

    def _score(self, pair: tuple[str, tuple[str, ...]]) -> Score:
        value = self.score(*pair) if pair[1] else None
        return Score(None if value is None else float(value), {self.name: value})


def best_of(score: Callable[[str, str], float | bool]) -> Callable[[str, tuple[str, ...]], float | bool]:
    """Return the metric of several references that takes the best of them."""
    return lambda prediction, references: max(score(prediction, reference) for reference in references)


def true_answer(sample: Prediction) -> tuple[str, ...]:
    """Return the one reference answer of a sample, whatever other references it has."""
    return (sample.answer,)


def short_answers(sample: Prediction) -> tuple[str, ...]:
    """Return the keyword of a sample where it has one, else its references."""
    return sample.short_answers
