"""BERTScore of each answer: every word is matched with the most alike of the other text, in its context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import Thresholds


@dataclass(frozen=True)
class BertScore:
    """F1 of greedy matching by cosine; the best over the references.

    Source: Zhang et al., "BERTScore: Evaluating Text Generation with BERT" (2020), as ``bert_score`` without idf and
    rescaling, against which it is tested; here on all-MiniLM-L6-v2, the model that is at hand: figures do not compare
    with those of RoBERTa.
    """

    name: str = "bert_score"
    label: str = "BERTScore F1 (MiniLM)"
    field: str = "bert_score"
    kind: Literal["score", "proportion"] = "score"
    thresholds: Thresholds | None = None
    baselines: tuple[str, ...] = ("blind_prior",)
    settings: tuple[str, ...] = ("bert_precision",)
    needs_embedder: bool = True

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Embed every distinct text once and match its tokens."""
        references = [tuple(text for text in sample.references if text.strip()) for sample in samples]
        wanted = [*texts, *(text for found in references for text in found)]
        distinct = list(dict.fromkeys(wanted))
        known = dict(zip(distinct, context.embedder.embed_tokens(distinct), strict=True))
        values = [
            max((match_tokens(known[text], known[one]) for one in found), default=None)
            for text, found in zip(texts, references, strict=True)
        ]
        return [Score(value, {self.field: value}) for value in values]


def match_tokens(predicted_td: NDArray[np.float32], reference_td: NDArray[np.float32]) -> float:
    """Return F1 of the greedy matches of two texts; special tokens may be matched and do not count. Empty: 0."""
    if len(predicted_td) <= 2 or len(reference_td) <= 2:
        return 0.0
    cosines = predicted_td.astype(np.float64) @ reference_td.astype(np.float64).T
    precision = float(cosines[1:-1].max(axis=1).mean())
    recall = float(cosines[:, 1:-1].max(axis=0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


METRIC = BertScore()
