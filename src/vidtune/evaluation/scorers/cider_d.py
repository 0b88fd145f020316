"""CIDEr-D of each caption; rarity is of the captions scored together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import Thresholds, caption_words, cider_d


@dataclass(frozen=True)
class CiderD:
    """See ``vidtune.metrics.cider_d``: 0 to 10, 1 being what people reach against each other, roughly."""

    name: str = "cider_d"
    label: str = "CIDEr-D"
    field: str = "cider_d"
    kind: Literal["score", "proportion"] = "score"
    thresholds: Thresholds | None = None
    baselines: tuple[str, ...] = ("blind_prior",)

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Score each caption; samples without a reference are left out of the corpus."""
        references = [[text for text in sample.references if text.strip()] for sample in samples]
        kept = [index for index, found in enumerate(references) if found]
        # The references of one clip are the same whatever is asked of it: it is one document of the corpus.
        said = [caption_words(texts[index]) for index in kept]
        wanted = [[caption_words(text) for text in references[index]] for index in kept]
        values: list[float | None] = [None] * len(texts)
        for index, value in zip(kept, cider_d(said, wanted), strict=True):
            values[index] = value
        return [Score(value, {self.field: value}) for value in values]


METRIC = CiderD()
