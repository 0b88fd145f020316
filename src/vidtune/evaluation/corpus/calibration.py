"""Whether the model's confidence means what it says: calibration error, Brier score, risk against coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.metrics import NUM_BINS, calibration

LEADING = ("choice_accuracy", "answer_named", "exercise_identification", "word_match")
"""Metrics that say right or wrong, the first that applies is taken."""


@dataclass(frozen=True)
class CalibrationOfAnswers:
    """See ``vidtune.metrics.calibration``. Confidence is ``confidence`` of the record, else its mean token probability.

    Which answers are right is said by the first metric of right and wrong that applies.
    """

    label: str = "Calibration"

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return confidence, right or wrong, squared distance, and the same in the columns of its bin."""
        right = next((values[name] for name in LEADING if any(one is not None for one in values.get(name, ()))), None)
        said = [confidence_of(sample) for sample in samples]
        if right is None or any(one is None for one in said) or any(one is None for one in right):
            return None
        rows_ns = np.zeros((len(samples), 4 + 3 * NUM_BINS))
        for row, (confidence, is_right) in enumerate(zip(said, right, strict=True)):
            sure, hit = float(confidence or 0.0), float(is_right or 0.0)
            rows_ns[row, :4] = 1, (sure - hit) ** 2, sure, hit
            place = 4 + 3 * min(NUM_BINS - 1, max(0, math.ceil(sure * NUM_BINS) - 1))
            rows_ns[row, place : place + 3] = 1, sure, hit
        return rows_ns

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return expected calibration error, Brier score and mean confidence."""
        count, squares, said = totals_bs[:, 0], totals_bs[:, 1], totals_bs[:, 2]
        gaps = np.abs(totals_bs[:, 5::3] - totals_bs[:, 6::3]).sum(axis=1)
        return {
            "calibration_error": gaps / count,
            "brier": squares / count,
            "mean_confidence": said / count,
        }

    def describe(self, rows_ns: Floats) -> dict[str, float]:
        """Return what depends on the order of confidences."""
        found = calibration([float(value) for value in rows_ns[:, 2]], [bool(value) for value in rows_ns[:, 3]])
        risks = {f"risk_at_coverage_{coverage:g}": risk for coverage, risk in found.risk_at.items()}
        return {"area_under_risk": found.area_under_risk, **risks}

    def curves(
        self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext, rows_ns: Floats
    ) -> dict[str, list[dict[str, float]]]:
        """Return how often answers of about the same confidence are right."""
        found = calibration([float(value) for value in rows_ns[:, 2]], [bool(value) for value in rows_ns[:, 3]])
        return {"reliability": [asdict(one) for one in found.bins]}


def confidence_of(sample: Prediction) -> float | None:
    """Return how sure the model was of an answer, 0 to 1; None where nothing says it."""
    said = sample.record.get("confidence")
    if isinstance(said, int | float) and 0 <= said <= 1:
        return float(said)
    logprob = sample.record.get("mean_logprob")
    return math.exp(min(0.0, float(logprob))) if isinstance(logprob, int | float) else None


METRIC = CalibrationOfAnswers()
