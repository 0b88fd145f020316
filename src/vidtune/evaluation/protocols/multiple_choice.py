"""Multiple choice of no benchmark in particular."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Multiple choice",
    metrics=("choice_accuracy",),
    corpus=("macro_accuracy", "calibration"),
    groups=("question_type",),
)
