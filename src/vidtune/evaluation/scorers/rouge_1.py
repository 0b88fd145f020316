"""ROUGE-1 of each answer: words in common."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of
from vidtune.metrics import rouge_n

METRIC = TextMetric("rouge_1", "ROUGE-1", best_of(lambda said, wanted: rouge_n(said, wanted, 1)))
