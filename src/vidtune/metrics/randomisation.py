"""Tests by approximate randomisation: who gave which answer is exchanged, whole clusters at a time.

Under equal systems the names of the systems could as well have been exchanged. Answers about one person or video go
together, so names are exchanged within a cluster as one: exchanging single samples would take them for independent
and find differences that are not there.

Axis letters: ``k`` clusters, ``m`` systems, ``r`` exchanges.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from vidtune.metrics._clusters import in_pieces, sum_by_cluster
from vidtune.metrics.statistics import NUM_RESAMPLES, Interval, mean_interval

_MAX_EXACT_CLUSTERS = 14
_MAX_EXACT_EXCHANGES = 20_000
_MAX_EXCHANGED = 100_000_000
_FEWEST_EXCHANGES = 1000
NUM_EXCHANGES = 10_000


@dataclass(frozen=True)
class PairedDifference:
    """How much better B is than A on the same samples."""

    difference: float
    interval: Interval
    p_value: float | None
    test: str
    num_pairs: int
    num_clusters: int


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
    if not len(values_a) or not len(values_a) == len(values_b) == len(clusters):
        raise ValueError(f"expected pairs; found {len(values_a)}, {len(values_b)} values, {len(clusters)} clusters.")
    differences = [second - first for first, second in zip(values_a, values_b, strict=True)]
    interval = mean_interval(differences, clusters, confidence=confidence, num_resamples=num_resamples, seed=seed)
    sums_k, _ = sum_by_cluster(differences, clusters)
    p_value, test = sign_flip_test(sums_k, seed=seed)
    mean = math.fsum(differences) / len(differences)
    return PairedDifference(mean, interval, p_value, test, len(differences), len(sums_k))


def sign_flip_test(
    sums_k: NDArray[np.float64], *, num_flips: int = NUM_EXCHANGES, seed: int = 0
) -> tuple[float | None, str]:
    """Return the two-sided p-value of the total of ``sums_k`` under random signs, and the test's name.

    Approximate randomisation of two systems: exchanging their names in a cluster turns the sign of its difference.
    Source: Noreen, "Computer-Intensive Methods for Testing Hypotheses" (1989); equal to
    ``scipy.stats.permutation_test(permutation_type="samples")`` over clusters.
    """
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
    for size in in_pieces(num_flips, num_clusters):
        signs = rng.integers(0, 2, (size, num_clusters), dtype=np.int8) * 2 - 1
        num_extreme += int(np.count_nonzero(np.abs(signs @ sums_k) >= observed))
    name = f"sign-flip test over {num_clusters} clusters, {num_flips:,} random flips"
    return (num_extreme + 1) / (num_flips + 1), name


def smallest_p_value(num_clusters: int) -> float:
    """Return the smallest p-value that the sign-flip test can reach with so many clusters."""
    return 2.0 / 2**num_clusters if num_clusters <= _MAX_EXACT_CLUSTERS else 1 / (NUM_EXCHANGES + 1)


def exchange_test(
    sums_km: NDArray[np.float64], *, num_exchanges: int = NUM_EXCHANGES, seed: int = 0
) -> tuple[float | None, str]:
    """Return the p-value of "all systems are equal" from exchanging their names within clusters, and the test's name.

    What is looked at is the spread of the systems' totals, so with two systems it is the sign-flip test. It takes
    neither normal values nor equal spreads. Source: Noreen (1989); the permutation form of the repeated-measures
    analysis of variance.

    Args:
        sums_km: Total of each system over each cluster.
        num_exchanges: Random ones, where there are too many to try all.
        seed: Of the exchanges.
    """
    num_clusters, num_systems = sums_km.shape
    if num_clusters < 2 or num_systems < 2:
        return None, f"none: {num_clusters} clusters, {num_systems} systems"
    centred_km = sums_km - sums_km.mean(axis=1, keepdims=True)
    observed = float((centred_km.sum(axis=0) ** 2).sum())
    least = observed - 1e-9 * float((centred_km**2).sum())
    # Of all exchanges that rename every cluster alike the result is the same: the first cluster can stay as it is.
    num_all = math.factorial(num_systems) ** (num_clusters - 1)
    if num_all <= _MAX_EXACT_EXCHANGES:
        orders = [list(order) for order in permutations(range(num_systems))]
        ways_ktm = [np.stack([row[order] for order in orders]) for row in centred_km[1:]]
        totals_rm = np.stack([centred_km[0] + np.sum(way, axis=0) for way in product(*ways_ktm)])
        share = float(np.mean((totals_rm**2).sum(axis=1) >= least))
        return share, f"exact randomisation of {num_systems} systems over {num_clusters} clusters"
    rng = np.random.default_rng(seed)
    num_extreme = 0
    # Of thousands of clusters each exchange costs more, so that there are fewer; the name says how many.
    num_exchanges = min(num_exchanges, max(_FEWEST_EXCHANGES, _MAX_EXCHANGED // centred_km.size))
    for size in in_pieces(num_exchanges, centred_km.size):
        drawn_rkm = rng.permuted(np.broadcast_to(centred_km, (size, *centred_km.shape)), axis=2)
        num_extreme += int(np.count_nonzero((drawn_rkm.sum(axis=1) ** 2).sum(axis=1) >= least))
    name = f"randomisation of {num_systems} systems over {num_clusters} clusters, {num_exchanges:,} random exchanges"
    return (num_extreme + 1) / (num_exchanges + 1), name
