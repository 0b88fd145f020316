"""Intervals and paired tests that respect clusters: clips of one person are not independent.

Axis letters: ``k`` clusters, ``m`` quantities, ``b`` resamples.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()
_MAX_EXACT_CLUSTERS = 14
_DRAWS_AT_ONCE = 2_000_000
NUM_RESAMPLES = 5000


@dataclass(frozen=True)
class Interval:
    """An interval around an estimate; no bounds where none can be had, and why."""

    low: float | None
    high: float | None
    method: str
    confidence: float = 0.95


@dataclass(frozen=True)
class PairedDifference:
    """How much better B is than A on the same samples."""

    difference: float
    interval: Interval
    p_value: float | None
    test: str
    num_pairs: int
    num_clusters: int


def wilson_interval(num_correct: int, num_total: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a proportion of independent samples.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    Example:
        >>> interval = wilson_interval(29, 50)
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.442, 0.706)
    """
    if not 0 <= num_correct <= num_total or num_total == 0:
        raise ValueError(f"expected 0 <= num_correct <= num_total > 0, found {num_correct} of {num_total}.")
    z = _NORMAL.inv_cdf((1 + confidence) / 2)
    share = num_correct / num_total
    centre = (share + z * z / (2 * num_total)) / (1 + z * z / num_total)
    half = z / (1 + z * z / num_total) * math.sqrt(share * (1 - share) / num_total + (z / (2 * num_total)) ** 2)
    return Interval(max(0.0, centre - half), min(1.0, centre + half), "Wilson", confidence)


def mean_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    is_proportion: bool = False,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return an interval of the mean that resamples whole clusters.

    BCa bootstrap over clusters, with its levels widened for few clusters (Hesterberg, "What teachers
    should know about the bootstrap" (2015), expanded percentile: Student's t and n/(n-1)). A proportion
    of independent samples gets Wilson's interval. Where all clusters agree exactly the bootstrap would
    claim certainty: a proportion then gets Wilson's interval counted in clusters, anything else none.

    Args:
        values: One per sample.
        clusters: Of each sample, whom or what it shares with others (subject, video).
        is_proportion: Whether values are 0 or 1.
        confidence: How often such an interval should hold the truth.
        num_resamples: Of the bootstrap.
        seed: Of the bootstrap; the same seed gives the same interval.
    """
    sums_k, counts_k = _sum_by_cluster(values, clusters)
    num_clusters = len(sums_k)
    if num_clusters < 2:
        return Interval(None, None, f"none: all {len(values)} samples come from one group", confidence)
    if is_proportion and num_clusters == len(values):
        return wilson_interval(round(sum(values)), len(values), confidence)
    means_k = sums_k / counts_k
    if np.ptp(means_k) < 1e-12:
        if is_proportion and means_k[0] in (0.0, 1.0):
            bounds = wilson_interval(round(means_k[0] * num_clusters), num_clusters, confidence)
            return Interval(bounds.low, bounds.high, "Wilson, counted in clusters because all agree", confidence)
        return Interval(None, None, f"none: all {num_clusters} groups have the same mean", confidence)
    low, high = bca_interval(sums_k, counts_k, confidence=confidence, num_resamples=num_resamples, seed=seed)
    if is_proportion:
        low, high = max(0.0, low), min(1.0, high)
    unit = "samples" if num_clusters == len(values) else "clusters"
    return Interval(low, high, f"BCa bootstrap over {num_clusters} {unit}", confidence)


def bca_interval(
    sums_k: NDArray[np.float64],
    counts_k: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    widen_for_few: bool = True,
) -> tuple[float, float]:
    """Return the BCa bootstrap interval of ``sum(sums_k) / sum(counts_k)``, resampling clusters.

    Source: Efron, "Better bootstrap confidence intervals" (1987); with ``widen_for_few=False`` the
    interval of ``scipy.stats.bootstrap(method="BCa")``.
    """
    num_clusters = len(sums_k)
    estimate = sums_k.sum() / counts_k.sum()
    resampled_b = _resample_ratio(sums_k, counts_k, num_resamples, seed)
    below = (np.count_nonzero(resampled_b < estimate) + np.count_nonzero(resampled_b <= estimate)) / (2 * num_resamples)
    bias = _NORMAL.inv_cdf(min(max(below, 1 / num_resamples), 1 - 1 / num_resamples))
    jackknife_k = (sums_k.sum() - sums_k) / (counts_k.sum() - counts_k)
    deviations_k = jackknife_k.mean() - jackknife_k
    spread = float((deviations_k**2).sum())
    acceleration = float((deviations_k**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    z = _NORMAL.inv_cdf((1 + confidence) / 2)
    if widen_for_few:
        z = _student_t(confidence, num_clusters - 1) * math.sqrt(num_clusters / (num_clusters - 1))
    levels = [_NORMAL.cdf(bias + (bias + side) / (1 - acceleration * (bias + side))) for side in (-z, z)]
    low, high = np.quantile(resampled_b, levels)
    return float(low), float(high)


def paired_difference(
    values_a: Sequence[float],
    values_b: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> PairedDifference:
    """Compare two systems on the same samples: interval of ``mean(b) - mean(a)`` and a two-sided test.

    The test flips the sign of whole clusters: if A and B were exchangeable, each cluster's difference
    might as well have been its opposite. All flips are tried up to 14 clusters, else 10,000 random ones.

    Raises:
        ValueError: If the sequences differ in length or are empty.
    """
    if not values_a or not len(values_a) == len(values_b) == len(clusters):
        raise ValueError(f"expected pairs; found {len(values_a)}, {len(values_b)} values, {len(clusters)} clusters.")
    differences = [second - first for first, second in zip(values_a, values_b, strict=True)]
    interval = mean_interval(differences, clusters, confidence=confidence, num_resamples=num_resamples, seed=seed)
    sums_k, _ = _sum_by_cluster(differences, clusters)
    p_value, test = sign_flip_test(sums_k, seed=seed)
    mean = math.fsum(differences) / len(differences)
    return PairedDifference(mean, interval, p_value, test, len(differences), len(sums_k))


def sign_flip_test(sums_k: NDArray[np.float64], *, num_flips: int = 10_000, seed: int = 0) -> tuple[float | None, str]:
    """Return the two-sided p-value of the total of ``sums_k`` under random signs, and the test's name."""
    num_clusters = len(sums_k)
    if num_clusters < 2:
        return None, "none: one cluster"
    tolerance = 1e-9 * float(np.abs(sums_k).sum())
    observed = abs(float(sums_k.sum())) - tolerance
    if num_clusters <= _MAX_EXACT_CLUSTERS:
        bits = (np.arange(2**num_clusters)[:, None] >> np.arange(num_clusters)) & 1
        totals = np.abs((1 - 2 * bits) @ sums_k)
        return float(np.mean(totals >= observed)), f"exact sign-flip test over {num_clusters} clusters"
    rng = np.random.default_rng(seed)
    num_extreme = 0
    for size in _chunks(num_flips, num_clusters):
        signs = rng.integers(0, 2, (size, num_clusters), dtype=np.int8) * 2 - 1
        num_extreme += int(np.count_nonzero(np.abs(signs @ sums_k) >= observed))
    name = f"sign-flip test over {num_clusters} clusters, {num_flips:,} random flips"
    return (num_extreme + 1) / (num_flips + 1), name


def smallest_p_value(num_clusters: int) -> float:
    """Return the smallest p-value that the sign-flip test can reach with so many clusters."""
    return 2.0 / 2**num_clusters if num_clusters <= _MAX_EXACT_CLUSTERS else 1 / 10_001


def bootstrap_totals(
    rows_ns: NDArray[np.float64],
    clusters: Sequence[Hashable],
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the totals (b, s) of ``rows_ns`` over clusters drawn again and again, with replacement.

    A metric that is a function of such totals gets its interval from the quantiles of its values.

    Raises:
        ValueError: If there is not a cluster for each row, or no row.
    """
    if not len(rows_ns) or len(rows_ns) != len(clusters):
        raise ValueError(f"expected a cluster for each of at least one row; found {len(rows_ns)}, {len(clusters)}.")
    number: dict[Hashable, int] = {}
    index = np.array([number.setdefault(cluster, len(number)) for cluster in clusters])
    sums_ks = np.zeros((len(number), rows_ns.shape[1]))
    np.add.at(sums_ks, index, rows_ns)
    rng = np.random.default_rng(seed)
    parts = []
    for size in _chunks(num_resamples, len(number)):
        drawn = rng.integers(0, len(number), (size, len(number)))
        # How often each cluster was drawn, times its sums: a product of matrices instead of a gather.
        offsets = np.arange(size)[:, None] * len(number)
        times_bk = np.bincount((drawn + offsets).ravel(), minlength=size * len(number)).reshape(size, len(number))
        parts.append(times_bk.astype(np.float64) @ sums_ks)
    return np.concatenate(parts)


def _sum_by_cluster(
    values: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not len(values) or len(values) != len(clusters):
        raise ValueError(f"expected a cluster for each of at least one value; found {len(values)}, {len(clusters)}.")
    number: dict[Hashable, int] = {}
    index = np.array([number.setdefault(cluster, len(number)) for cluster in clusters])
    sums_k = np.bincount(index, weights=np.asarray(values, dtype=np.float64)).astype(np.float64)
    return sums_k, np.bincount(index).astype(np.float64)


def _resample_ratio(
    sums_k: NDArray[np.float64], counts_k: NDArray[np.float64], num_resamples: int, seed: int
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    num_clusters = len(sums_k)
    columns_k2 = np.stack([sums_k, counts_k], axis=1)
    parts = []
    for size in _chunks(num_resamples, num_clusters):
        drawn = rng.integers(0, num_clusters, (size, num_clusters))
        totals_b2 = columns_k2[drawn].sum(axis=1)
        parts.append(totals_b2[:, 0] / totals_b2[:, 1])
    return np.concatenate(parts)


def _chunks(total: int, width: int) -> list[int]:
    """Cut ``total`` rows of ``width`` numbers into pieces that fit into memory."""
    size = max(1, _DRAWS_AT_ONCE // width)
    return [min(size, total - start) for start in range(0, total, size)]


def _student_t(confidence: float, degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + confidence) / 2))
