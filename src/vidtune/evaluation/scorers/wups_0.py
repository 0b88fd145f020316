"""WUPS of each short answer, threshold 0.0."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import wups

METRIC = TextMetric(
    "wups_0", "WUPS@0.0", best_of(lambda said, wanted: wups(said, wanted, 0.0)), references_of=short_answers
)
