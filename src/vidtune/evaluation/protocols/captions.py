"""Captions with several references, as MSR-VTT and VATEX are scored."""

from __future__ import annotations

from vidtune.evaluation._protocol import ScoringProtocol

PROTOCOL = ScoringProtocol(
    label="Captioning",
    metrics=("cider_d", "caption_meteor", "caption_rouge_l", "sentence_bleu", "bert_similarity"),
    corpus=("bleu", "chrf"),
)
