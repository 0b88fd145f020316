"""Text-video retrieval and captions on the same clips: MSR-VTT 1k-A, LSMDC, ActivityNet paragraphs."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Text-video retrieval",
    metrics=("cider_d", "caption_meteor", "caption_rouge_l"),
    corpus=("retrieval", "bleu"),
)
