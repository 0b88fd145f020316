"""NExT-QA, multiple choice: accuracy overall and for causal, temporal and descriptive questions."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="NExT-QA",
    metrics=("choice_accuracy",),
    corpus=("calibration",),
    groups=("domain", "question_type"),
)
