"""QEVD-FIT-COACH: what to say and when to say it."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Live coaching",
    metrics=("timed_feedback", "rouge_l"),
    corpus=("temporal_f_score",),
    headline=("timed_feedback",),
)
