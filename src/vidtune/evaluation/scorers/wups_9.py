"""WUPS of each short answer, threshold 0.9."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import wups

METRIC = TextMetric(
    "wups_9", "WUPS@0.9", best_of(lambda said, wanted: wups(said, wanted, 0.9)), references_of=short_answers
)
