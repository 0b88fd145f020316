"""BLEU-4 of each answer, on words."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric
from vidtune.metrics import bleu, bleu_counts, caption_words


def _score(prediction: str, references: tuple[str, ...]) -> float:
    return bleu(bleu_counts(caption_words(prediction), [caption_words(text) for text in references]))


METRIC = TextMetric("sentence_bleu", "BLEU-4 of sentences", _score)
