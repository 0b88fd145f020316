"""MLVU, sub-scene captions and summaries; its own score needs a judge, which is no part of this."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="MLVU generation",
    metrics=("rouge_l", "meteor", "bert_similarity", "scoring_points"),
    groups=("question_type",),
)
