"""ROUGE-L of each answer."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, true_answer
from vidtune.metrics import Thresholds, rouge_l

METRIC = TextMetric(
    "rouge_l",
    "ROUGE-L Score",
    best_of(rouge_l),
    thresholds=Thresholds(green=0.5, yellow=0.2),
    baselines=("blind_prior", "per_exercise_majority"),
    references_of=true_answer,
)
