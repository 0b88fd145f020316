"""From a score to the probability of being right: isotonic and Platt's, and whom to leave unanswered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_MAX_STEPS = 100
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Calibrator:
    """A rising function from a score to a probability, given by points or by a logistic curve."""

    method: Literal["isotonic", "platt"]
    scores: tuple[float, ...] = ()
    """Of ``isotonic``: rising scores. Between them probabilities are interpolated, beyond them held."""

    probabilities: tuple[float, ...] = ()
    """Of ``isotonic``: at those scores."""

    slope: float = 0.0
    """Of ``platt``: the probability is 1 / (1 + exp(-(slope * score + offset)))."""

    offset: float = 0.0

    def __call__(self, score: float) -> float:
        """Return the probability that an answer of this score is right."""
        if self.method == "isotonic":
            return float(np.interp(score, self.scores, self.probabilities))
        return 1.0 / (1.0 + math.exp(-min(700.0, max(-700.0, self.slope * score + self.offset))))

    def to_record(self) -> dict[str, Any]:
        """Return what it is, as JSON values."""
        if self.method == "isotonic":
            return {"method": self.method, "scores": list(self.scores), "probabilities": list(self.probabilities)}
        return {"method": self.method, "slope": self.slope, "offset": self.offset}


def fit_isotonic(scores: Sequence[float], is_right: Sequence[bool]) -> Calibrator:
    """Return the rising function nearest to right and wrong, by pooling adjacent violators.

    Source: Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability Estimates" (2002);
    equal to ``sklearn.isotonic.IsotonicRegression(out_of_bounds="clip")``.

    Raises:
        ValueError: If there is nothing, or the numbers differ.
    """
    said, right = _checked(scores, is_right)
    known, group = np.unique(said, return_inverse=True)
    counts = np.bincount(group).astype(np.float64)
    means = np.bincount(group, weights=right) / counts
    pools: list[tuple[float, float, int]] = []
    for mean, count in zip(means, counts, strict=True):
        pools.append((float(mean), float(count), 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (mean_b, count_b, size_b), (mean_a, count_a, size_a) = pools.pop(), pools.pop()
            total = count_a + count_b
            pools.append(((mean_a * count_a + mean_b * count_b) / total, total, size_a + size_b))
    fitted = [mean for mean, _, size in pools for _ in range(size)]
    return Calibrator("isotonic", tuple(map(float, known)), tuple(fitted))


def fit_platt(scores: Sequence[float], is_right: Sequence[bool]) -> Calibrator:
    """Return the logistic curve through right and wrong, with Platt's smoothed targets.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines" (1999), fitted by Newton's method as Lin, Lin and
    Weng (2007); equal to scikit-learn's sigmoid calibration.

    Raises:
        ValueError: If there is nothing, or the numbers differ.
    """
    said, right = _checked(scores, is_right)
    num_right = float(right.sum())
    num_wrong = len(right) - num_right
    target = np.where(right > 0, (num_right + 1) / (num_right + 2), 1 / (num_wrong + 2))
    # In units of their own spread, so that one step rule fits log-probabilities and shares alike.
    centre, spread = float(said.mean()), float(said.std()) or 1.0
    design = np.stack([(said - centre) / spread, np.ones_like(said)], axis=1)
    weights = np.array([0.0, math.log((num_right + 1) / (num_wrong + 1))])
    for _ in range(_MAX_STEPS):
        probability = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (target - probability)
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        weights = _shorten(design, target, weights, step)
        if float(np.abs(step).max()) < _TOLERANCE:
            break
    return Calibrator(
        "platt", slope=float(weights[0] / spread), offset=float(weights[1] - weights[0] * centre / spread)
    )


@dataclass(frozen=True)
class CoveragePoint:
    """What comes of answering only where confidence reaches a threshold."""

    threshold: float
    coverage: float
    """Share of samples that are answered."""

    risk: float
    """Share of wrong ones among them."""


def risk_coverage(confidences: Sequence[float], is_right: Sequence[bool]) -> tuple[CoveragePoint, ...]:
    """Return risk against coverage, one point for each confidence that occurs, the most confident first.

    Source: Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks" (2017). Answers of equal
    confidence come together.

    Raises:
        ValueError: If there is nothing, or the numbers differ.

    Example:
        >>> [(point.coverage, point.risk) for point in risk_coverage([0.9, 0.5, 0.5, 0.1], [True, True, False, False])]
        [(0.25, 0.0), (0.75, 0.3333333333333333), (1.0, 0.5)]
    """
    said, right = _checked(confidences, is_right)
    thresholds = np.unique(said)[::-1]
    points = []
    for threshold in thresholds:
        kept = said >= threshold
        points.append(CoveragePoint(float(threshold), float(kept.mean()), float(1 - right[kept].mean())))
    return tuple(points)


def threshold_for_risk(points: Sequence[CoveragePoint], max_risk: float) -> CoveragePoint | None:
    """Return the point of the widest coverage whose risk is at most ``max_risk``; None where there is none."""
    return max((point for point in points if point.risk <= max_risk), key=lambda point: point.coverage, default=None)


def _shorten(
    design: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64], step: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weights after a step, halved until the loss does not grow."""
    before = _loss(design, target, weights)
    for halving in range(40):
        moved: NDArray[np.float64] = weights + step / 2**halving
        if _loss(design, target, moved) <= before + 1e-15:
            return moved
    return weights


def _loss(design: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    logits = design @ weights
    return float((np.logaddexp(0, logits) - target * logits).sum())


def _checked(scores: Sequence[float], is_right: Sequence[bool]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not len(scores) or len(scores) != len(is_right):
        raise ValueError(f"expected a score for each answer; found {len(scores)}, {len(is_right)}.")
    return np.asarray(scores, dtype=np.float64), np.asarray(is_right, dtype=np.float64)
