"""What a test takes for granted, checked on the data and said: holds, fails, or cannot be told.

A check that does not reject is no proof; with few values it could hardly reject. That is said with it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidtune.metrics._clusters import cluster_index
from vidtune.metrics.statistics import min_clusters

_ALIKE = 1e-12
_FEWEST_FOR_NORMALITY = 3
_FEWEST_FOR_SYMMETRY = 8
_MOST_FOR_SHAPIRO = 5000
_FEWEST_SURE = 20


@dataclass(frozen=True)
class Premise:
    """One thing a test takes for granted."""

    name: str
    holds: bool | None
    """None where it cannot be told."""
    found: str
    """What was looked at and what came out, with numbers."""
    p_value: float | None = None
    """Of the check, where it is a test."""


def check_independence(clusters: Sequence[Hashable]) -> Premise:
    """Check whether samples stand alone: no two of one person or video."""
    index, num_clusters = cluster_index(clusters)
    if num_clusters == len(clusters):
        return Premise("independent samples", True, f"each of {num_clusters:,} samples stands alone.")
    largest = int(np.bincount(index).max())
    found = f"{len(clusters):,} samples come from {num_clusters:,} groups, up to {largest:,} from one."
    return Premise("independent samples", False, found)


def check_number(num_clusters: int, level: float = 0.05) -> Premise:
    """Check whether there are enough clusters for any test at ``level`` to reject."""
    needed = min_clusters(1 - level)
    found = f"{num_clusters:,} independent units; a test at {level:g} takes {needed}."
    return Premise("enough clusters", num_clusters >= needed, found)


def check_normality(values: Sequence[float], of: str, level: float = 0.05) -> Premise:
    """Check whether ``values`` could be normal: Shapiro and Wilk (1965), above 5,000 D'Agostino and Pearson (1973).

    Args:
        values: Independent ones.
        of: What they are, for people.
        level: Below this p-value the premise fails.
    """
    from scipy import stats

    name = f"normal {of}"
    if len(values) < _FEWEST_FOR_NORMALITY or max(values) - min(values) < _ALIKE:
        return Premise(name, None, f"{len(values)} values without enough spread to tell.")
    is_few = len(values) <= _MOST_FOR_SHAPIRO
    test = "Shapiro-Wilk" if is_few else "D'Agostino-Pearson"
    p_value = float((stats.shapiro(values) if is_few else stats.normaltest(values)).pvalue)
    return Premise(name, p_value >= level, _describe(test, p_value, len(values), level), p_value)


def check_symmetry(values: Sequence[float], of: str, level: float = 0.05) -> Premise:
    """Check whether ``values`` are skewed: D'Agostino (1970).

    Args:
        values: Independent ones.
        of: What they are, for people.
        level: Below this p-value the premise fails.
    """
    from scipy import stats

    name = f"symmetric {of}"
    if len(values) < _FEWEST_FOR_SYMMETRY or max(values) - min(values) < _ALIKE:
        return Premise(name, None, f"{len(values)} values are too few, or too alike, to tell.")
    p_value = float(stats.skewtest(values).pvalue)
    return Premise(
        name, p_value >= level, _describe("D'Agostino's test of skewness", p_value, len(values), level), p_value
    )


def check_sphericity(values_km: NDArray[np.float64], level: float = 0.05) -> Premise:
    """Check whether all differences between systems spread alike: Mauchly (1940), by its chi-square.

    Args:
        values_km: Mean of each system in each independent cluster.
        level: Below this p-value the premise fails.
    """
    from scipy import stats

    num_clusters, num_systems = values_km.shape
    name = "sphericity"
    if num_systems == 2:
        return Premise(name, True, "two systems have one difference: nothing to be unequal.")
    degrees = num_systems - 1
    eigenvalues = np.linalg.eigvalsh(contrast_covariance(values_km)) if num_clusters > num_systems else np.zeros(1)
    if eigenvalues.min() < _ALIKE * max(eigenvalues.max(), _ALIKE):
        return Premise(name, None, f"{num_clusters} clusters do not span {num_systems} systems: it cannot be told.")
    log_w = float(np.log(eigenvalues).sum() - degrees * np.log(eigenvalues.mean()))
    scale = 1 - (2 * degrees**2 + degrees + 2) / (6 * degrees * (num_clusters - 1))
    statistic = -scale * (num_clusters - 1) * log_w
    p_value = float(stats.chi2.sf(statistic, degrees * (degrees + 1) // 2 - 1))
    found = _describe(f"Mauchly's test (W = {np.exp(log_w):.3f})", p_value, num_clusters, level)
    return Premise(name, p_value >= level, found, p_value)


def contrast_covariance(values_km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of orthonormal contrasts (m - 1, m - 1) between systems, over clusters."""
    num_systems = values_km.shape[1]
    # The last m - 1 columns of an orthonormal basis that begins with the constant are contrasts.
    basis = np.linalg.qr(np.column_stack([np.ones(num_systems), np.eye(num_systems)[:, 1:]]))[0][:, 1:]
    covariance: NDArray[np.float64] = np.atleast_2d(np.cov(values_km @ basis, rowvar=False))
    return covariance


def _describe(test: str, p_value: float, count: int, level: float) -> str:
    if p_value < level:
        return f"{test} rejects it on {count:,} values, p = {p_value:.3g}."
    weak = "" if count >= _FEWEST_SURE else "; so few could hardly reject it"
    return f"{test} does not reject it on {count:,} values, p = {p_value:.3g}{weak}."
