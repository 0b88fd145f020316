"""How well the events of dense captions are found in time: precision and recall at each overlap, mean over videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation.scorers.dense_captions import METRIC as DENSE
from vidtune.metrics import DENSE_TIOUS

_NAMES = tuple(f"dense_{what}_{tiou:g}" for tiou in DENSE_TIOUS for what in ("precision", "recall"))


@dataclass(frozen=True)
class DenseLocalisation:
    """See ``vidtune.metrics.dense_caption_scores``."""

    label: str = "Events in time"

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return precisions and recalls of each video, and that it is one."""
        fields = [score.fields for score in DENSE.compute(texts, samples, context) if score.value is not None]
        if len(fields) != len(samples):
            return None
        return np.array([[*(float(one[name]) for name in _NAMES), 1.0] for one in fields], dtype=np.float64)

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return the means over videos."""
        return {name: totals_bs[:, place] / totals_bs[:, -1] for place, name in enumerate(_NAMES)}


METRIC = DenseLocalisation()
