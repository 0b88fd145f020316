"""What a comparison can find: the smallest difference, how surely, and how many clusters it takes.

All from the clustered standard error of a mean difference, which holds how many samples a cluster has and how much they
agree: a thousand questions about ten people are ten people.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from vidtune.metrics._clusters import sum_by_cluster

_MAX_CLUSTERS = 1_000_000


def clustered_standard_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Return the standard error of the mean of values that depend on each other within clusters.

    ``sqrt(k / (k - 1) * sum over clusters of (sum of deviations)^2) / n``; with a cluster per sample the ordinary one.
    Source: Liang and Zeger (1986); for evaluations Miller, "Adding Error Bars to Evals" (2024). None with one cluster.

    Raises:
        ValueError: If there is not a cluster for each value, or no value.

    Example:
        >>> clustered_standard_error([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"])
        0.5
    """
    sums_k, counts_k = sum_by_cluster(values, clusters)
    if len(sums_k) < 2:
        return None
    deviations_k = sums_k - counts_k * (sums_k.sum() / counts_k.sum())
    scale = len(sums_k) / (len(sums_k) - 1)
    return math.sqrt(scale * float((deviations_k**2).sum())) / float(counts_k.sum())


def power_to_find(difference: float, standard_error: float, num_clusters: int, *, level: float = 0.05) -> float:
    """Return how often a two-sided test at ``level`` finds a true ``difference``.

    By the noncentral t of ``num_clusters - 1`` degrees of freedom, as in Cohen, "Statistical Power Analysis" (1988).
    Do not ask it for the difference that was seen: that only says the p-value once more.

    Args:
        difference: The true one that is asked about.
        standard_error: Of the difference, with so many clusters.
        num_clusters: At least 2.
        level: Of the test.

    Raises:
        ValueError: If there is no spread or fewer than 2 clusters.
    """
    if standard_error <= 0 or num_clusters < 2:
        raise ValueError(f"expected a spread and 2 clusters; found {standard_error} and {num_clusters}.")
    from scipy import special

    degrees = num_clusters - 1
    bound = float(special.stdtrit(degrees, 1 - level / 2))
    shift = abs(difference) / standard_error
    # Beyond this the answer is 1 to machine precision, and the noncentral t does not converge.
    if shift > bound + 10:
        return 1.0
    return float(1 - special.nctdtr(degrees, shift, bound) + special.nctdtr(degrees, shift, -bound))


def detectable_difference(
    standard_error: float, num_clusters: int, *, level: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the smallest true difference that a comparison over so many clusters finds with that power.

    None with fewer than two clusters, or without spread.

    Args:
        standard_error: Of the difference; see ``clustered_standard_error``.
        num_clusters: Behind it.
        level: Of the two-sided test.
        power: How often it should find the difference.
    """
    if num_clusters < 2 or standard_error <= 0:
        return None
    from scipy import optimize

    def short_of(difference: float) -> float:
        return power_to_find(difference, standard_error, num_clusters, level=level) - power

    highest = standard_error
    while short_of(highest) < 0:
        highest *= 2
    return float(optimize.brentq(short_of, 0.0, highest, xtol=1e-9 * standard_error))


def clusters_needed(
    difference: float, standard_error: float, num_clusters: int, *, level: float = 0.05, power: float = 0.8
) -> int | None:
    """Return how many clusters like these a comparison takes to find ``difference`` with that power.

    None where a million are not enough.

    Args:
        difference: The true one that should be found; not 0.
        standard_error: Of the difference as it is now.
        num_clusters: That there are now.
        level: Of the two-sided test.
        power: How often it should find the difference.
    """
    spread = standard_error * math.sqrt(num_clusters)

    def is_enough(count: int) -> bool:
        return power_to_find(difference, spread / math.sqrt(count), count, level=level) >= power

    if not is_enough(_MAX_CLUSTERS):
        return None
    few, many = 1, 2
    while not is_enough(many):
        few, many = many, min(2 * many, _MAX_CLUSTERS)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if is_enough(middle) else (middle, many)
    return many


def design_effect(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Return how many times more samples the clusters make necessary; 1 where samples are independent.

    The squared clustered standard error over the squared ordinary one. Source: Kish, "Survey Sampling" (1965). None
    without spread or with one cluster.
    """
    clustered = clustered_standard_error(values, clusters)
    plain = float(np.std(np.asarray(values, dtype=np.float64), ddof=1)) if len(values) > 1 else 0.0
    return clustered**2 * len(values) / plain**2 if clustered is not None and plain > 0 else None
