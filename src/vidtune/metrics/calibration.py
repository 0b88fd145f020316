"""Does a confidence mean what it says? Expected calibration error, Brier score, and risk against coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NUM_BINS = 15


@dataclass(frozen=True)
class CalibrationBin:
    """Answers of about the same confidence."""

    low: float
    high: float
    num: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How confidence and being right go together."""

    expected_error: float
    """Mean distance of confidence and accuracy over the bins, weighted by their size. 0 is calibrated."""

    brier: float
    """Mean squared distance of confidence and right or wrong. Less is better; always saying 0.5 gives 0.25."""

    area_under_risk: float
    """Mean share of wrong answers over all coverages, the most confident answered first. Less is better."""

    bins: tuple[CalibrationBin, ...]
    risk_at: dict[float, float]
    """Share of wrong answers when only the most confident part is answered, by coverage."""


def calibration(confidences: Sequence[float], is_right: Sequence[bool], num_bins: int = NUM_BINS) -> Calibration:
    """Return how well ``confidences`` tell whether an answer is right.

    Sources: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015), equal to
    ``torchmetrics`` (norm l1); Brier (1950), equal to ``sklearn.metrics.brier_score_loss``; Geifman and El-Yaniv,
    "Selective Classification for Deep Neural Networks" (2017). Equal confidences are answered together: their order
    in the file says nothing.

    Args:
        confidences: 0 to 1 for each answer.
        is_right: Whether it is right.
        num_bins: Of equal width over 0 to 1.

    Raises:
        ValueError: If there are none, the numbers differ, or a confidence is not between 0 and 1.
    """
    if not len(confidences) or len(confidences) != len(is_right):
        raise ValueError(f"expected a confidence for each answer; found {len(confidences)}, {len(is_right)}.")
    said, right = np.asarray(confidences, dtype=np.float64), np.asarray(is_right, dtype=np.float64)
    if not ((said >= 0) & (said <= 1)).all():
        raise ValueError("confidences must be between 0 and 1; a log-probability is not one.")
    edges = np.linspace(0, 1, num_bins + 1)
    place = np.clip(np.searchsorted(edges, said, side="left") - 1, 0, num_bins - 1)
    bins = []
    for number in range(num_bins):
        inside = place == number
        if inside.any():
            means = float(said[inside].mean()), float(right[inside].mean())
            bins.append(CalibrationBin(float(edges[number]), float(edges[number + 1]), int(inside.sum()), *means))
    error = sum(one.num * abs(one.confidence - one.accuracy) for one in bins) / len(said)
    risks = _risks(said, right)
    coverages = {share: float(risks[max(1, round(share * len(risks))) - 1]) for share in (0.25, 0.5, 0.75, 1.0)}
    brier = float(np.mean((said - right) ** 2))
    return Calibration(error, brier, float(risks.mean()), tuple(bins), coverages)


def _risks(said: np.typing.NDArray[np.float64], right: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
    """Return the share of wrong answers among the n most confident, for each n; tied ones each count their mean."""
    order = np.argsort(-said, kind="stable")
    said, wrong = said[order], 1 - right[order]
    _, group, sizes = np.unique(-said, return_inverse=True, return_counts=True)
    mean_wrong = np.bincount(group, weights=wrong) / sizes
    cumulated: np.typing.NDArray[np.float64] = np.cumsum(mean_wrong[group]) / np.arange(1, len(said) + 1)
    return cumulated
