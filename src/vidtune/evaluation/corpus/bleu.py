"""BLEU-1 to BLEU-4 of all captions together, on words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.metrics import MAX_ORDER, BleuCounts, bleu, bleu_counts, caption_words


@dataclass(frozen=True)
class CorpusBleu:
    """See ``vidtune.metrics.bleu``; counts are added over the corpus, as they should be."""

    label: str = "BLEU"

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return the counts of each caption."""
        references = [[caption_words(text) for text in sample.references if text.strip()] for sample in samples]
        pairs = zip(texts, references, strict=True)
        return np.array([bleu_counts(caption_words(text), found).as_row() for text, found in pairs], dtype=np.float64)

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return BLEU-1 to BLEU-4."""
        counts = [_counts(row) for row in totals_bs]
        orders = range(1, MAX_ORDER + 1)
        return {f"bleu_{order}": np.array([bleu(one, order) for one in counts]) for order in orders}


def _counts(row: Floats) -> BleuCounts:
    numbers = [int(value) for value in row]
    ngrams, matched = numbers[2 : 2 + MAX_ORDER], numbers[2 + MAX_ORDER :]
    return BleuCounts(numbers[0], numbers[1], tuple(ngrams), tuple(matched))


METRIC = CorpusBleu()
