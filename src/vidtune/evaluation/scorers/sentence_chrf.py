"""chrF of each answer, on letters."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric
from vidtune.metrics import chrf, chrf_counts


def _score(prediction: str, references: tuple[str, ...]) -> float:
    return chrf(chrf_counts(prediction, references))


METRIC = TextMetric("sentence_chrf", "chrF of sentences", _score)
