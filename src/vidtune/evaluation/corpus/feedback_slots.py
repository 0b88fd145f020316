"""Feedback slot by slot over all answers: means, invented and missed advice, contradictions, unsafe misses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation.scorers.feedback_slots import METRIC as SLOT_METRIC
from vidtune.evaluation.scorers.feedback_slots import SLOTS

_RATES = ("hallucinated_per_answer", "missed_per_answer", "contradiction_share", "unsafe_miss_share")
_FIELDS = ("num_hallucinated", "num_missed", "is_contradiction", "is_unsafe_miss")


@dataclass(frozen=True)
class FeedbackSlotMeans:
    """See ``vidtune.metrics.slots.score_feedback``. A slot's mean is over the answers it applies to."""

    label: str = "Feedback slots"
    settings: tuple[str, ...] = ("lexicon", "catalogue")

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return, for each answer, value and weight of each slot, then the counts, then how often they may occur."""
        scores = SLOT_METRIC.compute(texts, samples, context)
        if all(score.value is None for score in scores):
            return None
        rows_ns = np.zeros((len(samples), 2 * len(SLOTS) + len(_FIELDS) + 2))
        for row, score in enumerate(scores):
            if score.value is None:
                continue
            for place, slot in enumerate(SLOTS):
                value = score.fields[f"slot_{slot}"]
                if value is not None:
                    rows_ns[row, 2 * place : 2 * place + 2] = value, 1
            rows_ns[row, 2 * len(SLOTS) : -2] = [float(score.fields[name]) for name in _FIELDS]
            rows_ns[row, -2:] = 1, float(score.fields["is_safety"])
        return rows_ns

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return the mean of each slot that applies, and the rates; unsafe misses are a share of what can do harm."""
        found = {}
        for place, slot in enumerate(SLOTS):
            found[f"slot_{slot}"] = _ratio(totals_bs[:, 2 * place], totals_bs[:, 2 * place + 1])
        num_answers, num_safety = totals_bs[:, -2], totals_bs[:, -1]
        for place, name in enumerate(_RATES, start=2 * len(SLOTS)):
            found[name] = _ratio(totals_bs[:, place], num_safety if name == "unsafe_miss_share" else num_answers)
        return found

    def rests_on(self, rows_ns: Floats) -> dict[str, NDArray[np.bool_]]:
        """Return the answers that a slot applies to, and for unsafe misses those about what can do harm."""
        found = {f"slot_{slot}": rows_ns[:, 2 * place + 1] > 0 for place, slot in enumerate(SLOTS)}
        return found | dict.fromkeys(_RATES, rows_ns[:, -2] > 0) | {"unsafe_miss_share": rows_ns[:, -1] > 0}


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


METRIC = FeedbackSlotMeans()
