"""Common words of each short answer, by SQuAD's rule."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric, best_of, short_answers
from vidtune.metrics import token_f1

METRIC = TextMetric("token_f1", "Token F1", best_of(token_f1), references_of=short_answers)
