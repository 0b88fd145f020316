"""ROUGE-L of each caption as caption benchmarks report it: over all references, leaning to recall."""

from __future__ import annotations

from vidtune.evaluation.scorers._texts import TextMetric
from vidtune.metrics import caption_rouge_l, caption_words


def _score(prediction: str, references: tuple[str, ...]) -> float:
    return caption_rouge_l(caption_words(prediction), [caption_words(text) for text in references])


METRIC = TextMetric("caption_rouge_l", "ROUGE-L (captions)", _score)
