"""Open questions that a word answers: MSRVTT-QA, MSVD-QA."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Short answers",
    metrics=("normalised_match", "word_match", "exact_match", "token_f1"),
    groups=("question_type",),
)
