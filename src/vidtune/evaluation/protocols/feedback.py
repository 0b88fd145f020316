"""Feedback on exercise form: QVED and whatever names no protocol."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Exercise feedback",
    metrics=(
        "exercise_identification",
        "feedback_error",
        "feedback_slots",
        "bert_similarity",
        "meteor",
        "rouge_l",
        "exercise_identification_compat",
    ),
    corpus=("feedback_slots", "error_detection", "error_localisation", "calibration"),
    headline=("exercise_identification", "feedback_error", "rouge_l", "meteor", "bert_similarity"),
)
