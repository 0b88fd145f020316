"""METEOR of each caption against its best reference."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of
from vidtune.metrics import meteor

METRIC = TextMetric("caption_meteor", "METEOR (best reference)", best_of(meteor))
