"""Whether each answer is the right one to the letter."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import exact_match

METRIC = TextMetric("exact_match", "Exact match", best_of(exact_match), "proportion", references_of=short_answers)
