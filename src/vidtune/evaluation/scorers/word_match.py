"""Whether each answer holds the right one in whole words."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import word_match

METRIC = TextMetric(
    "word_match", "Answer in whole words", best_of(word_match), "proportion", references_of=short_answers
)
