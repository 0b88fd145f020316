"""BERT similarity of each answer: cosine of sentence embeddings, as the QVED report defines it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import Thresholds


@dataclass(frozen=True)
class BertSimilarity:
    """Cosine of all-MiniLM-L6-v2 embeddings (not BERTScore).

    The QVED document states a range of 0 to 1. The cosine of unrelated sentences can fall a little
    below 0; it is kept as it is, so that means stay unbiased.
    """

    name: str = "bert_similarity"
    label: str = "BERT Similarity"
    field: str = "bert_similarity"
    kind: Literal["score", "proportion"] = "score"
    thresholds: Thresholds | None = Thresholds(green=0.7, yellow=0.4)
    baselines: tuple[str, ...] = ("blind_prior", "per_exercise_majority")
    settings: tuple[str, ...] = ("bert_precision",)
    needs_embedder: bool = True

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Embed every distinct text once and return the cosines."""
        answers = [sample.answer for sample in samples]
        embedded = context.embedder.embed([*texts, *answers], context.progress)
        cosines = np.einsum("nd,nd->n", embedded[: len(texts)], embedded[len(texts) :])
        values = [float(cosine) if answer.strip() else None for cosine, answer in zip(cosines, answers, strict=True)]
        return [Score(value, {self.field: value}) for value in values]


METRIC = BertSimilarity()
