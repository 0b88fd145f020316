"""MLVU, multiple choice of the dev set: M-Avg is the macro mean over tasks."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="MLVU dev",
    metrics=("choice_accuracy",),
    corpus=("macro_accuracy", "calibration"),
    groups=("question_type",),
)
