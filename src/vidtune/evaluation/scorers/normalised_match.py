"""Whether each answer is the right one, apart from case, articles and punctuation."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import normalised_match

METRIC = TextMetric(
    "normalised_match", "Normalised match", best_of(normalised_match), "proportion", references_of=short_answers
)
