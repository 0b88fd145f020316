"""ROUGE-2 of each answer: pairs of words in common."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of
from vidtune.metrics import rouge_n

METRIC = TextMetric("rouge_2", "ROUGE-2", best_of(lambda said, wanted: rouge_n(said, wanted, 2)))
