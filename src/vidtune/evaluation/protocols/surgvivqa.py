"""SurgViVQA: a keyword answers; its published rules beside ours."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Surgical questions",
    metrics=(
        "answer_named",
        "keyword_match",
        "substring_match_compat",
        "baseline_match_compat",
        "meteor",
        "rouge_l",
    ),
    corpus=("macro_accuracy", "bleu", "calibration"),
    headline=("answer_named",),
    groups=("question_type", "template"),
)
