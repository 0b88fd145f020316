"""NExT-QA, open-ended: WUPS."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Open questions",
    metrics=("wups_0", "wups_9", "normalised_match", "token_f1"),
    groups=("domain", "question_type"),
)
