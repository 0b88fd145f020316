"""Whether either text holds the other: the rule by which SurgViVQA-Audio scored its baselines."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import baseline_match

METRIC = TextMetric(
    "baseline_match_compat",
    "Either text in the other (compat)",
    best_of(baseline_match),
    "proportion",
    references_of=short_answers,
)
