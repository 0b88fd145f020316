"""chrF of all captions together, on letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.metrics import chrf, chrf_counts


@dataclass(frozen=True)
class CorpusChrf:
    """See ``vidtune.metrics.chrf``."""

    label: str = "chrF"

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return the counts of each caption."""
        pairs = zip(texts, samples, strict=True)
        return np.array([chrf_counts(text, sample.references) for text, sample in pairs], dtype=np.float64)

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return chrF2, 0 to 1."""
        return {"chrf": np.array([chrf([float(value) for value in row]) for row in totals_bs])}


METRIC = CorpusChrf()
