"""Whether each answer holds the keyword, by the rule of SurgViVQA."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import keyword_match

METRIC = TextMetric(
    "keyword_match", "Keyword accuracy", best_of(keyword_match), "proportion", references_of=short_answers
)
