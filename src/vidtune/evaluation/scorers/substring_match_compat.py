"""Whether each answer holds the right one anywhere: the rule of SurgViVQA-Audio, faults and all."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import substring_match

METRIC = TextMetric(
    "substring_match_compat",
    "Answer as a substring (compat)",
    best_of(substring_match),
    "proportion",
    references_of=short_answers,
)
