"""Two systems on the same samples, and many comparisons at once: tests, corrections, effect sizes, what can be seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

_NORMAL = NormalDist()


def mcnemar(num_only_first: int, num_only_second: int, *, mid_p: bool = False) -> float:
    """Return the two-sided exact p-value of McNemar's test.

    For right or wrong of independent samples: under equal systems, a sample that only one gets right is as likely the
    one's as the other's. Samples of one video or person are not independent: use ``paired_difference``. Source:
    McNemar (1947), exact binomial form; ``mid_p`` as Fagerland et al. (2013), less conservative.

    Args:
        num_only_first: Samples that the first system alone gets right.
        num_only_second: Samples that the second alone does.
        mid_p: Count the observed table by half.

    Example:
        >>> round(mcnemar(120, 86), 4)
        0.0213
    """
    total, smaller = num_only_first + num_only_second, min(num_only_first, num_only_second)
    if total == 0:
        return 1.0
    below = sum(_binomial(total, count) for count in range(smaller))
    observed = _binomial(total, smaller)
    if mid_p:
        return min(1.0, 2 * (below + 0.5 * observed)) if num_only_first != num_only_second else 1.0 - 0.5 * observed
    return min(1.0, 2 * (below + observed))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected so that the chance of any false finding stays at the level; in the order given.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected so that the expected share of false findings stays at the level; in the order given.

    For sweeps that look for something; equal to ``scipy.stats.false_discovery_control``. Source: Benjamini and
    Hochberg, "Controlling the False Discovery Rate" (1995).
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index], reverse=True)
    corrected = [0.0] * len(p_values)
    smallest = 1.0
    for place, index in enumerate(order):
        smallest = min(smallest, p_values[index] * len(p_values) / (len(p_values) - place))
        corrected[index] = smallest
    return corrected


def cohens_d(differences: Sequence[float]) -> float | None:
    """Return the mean of paired differences in units of their spread; None where they do not vary.

    Source: Cohen's d for dependent samples (d_z).
    """
    spread = stdev(differences) if len(differences) > 1 else 0.0
    return fmean(differences) / spread if spread > 0 else None


def cliffs_delta(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how much oftener a value of ``second`` is the larger than one of ``first``, over all pairs; -1 to 1.

    Source: Cliff, "Dominance statistics" (1993).

    Raises:
        ValueError: If either is empty.

    Example:
        >>> cliffs_delta([1, 2], [2, 3])
        0.75
    """
    if not first or not second:
        raise ValueError("expected values of both, found none of one.")
    import numpy as np

    ordered = np.sort(np.asarray(first, dtype=np.float64))
    values = np.asarray(second, dtype=np.float64)
    below = np.searchsorted(ordered, values, side="left")
    not_above = np.searchsorted(ordered, values, side="right")
    above = len(ordered) - not_above
    return float((below - above).sum() / (len(first) * len(second)))


def detectable_difference(
    cluster_differences: Sequence[float], *, level: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the smallest true mean difference that a comparison over so many clusters would find.

    From the spread of the clusters' own mean differences: ``(z(1 - level / 2) + z(power)) * sd / sqrt(k)``. None with
    fewer than two clusters, or where they do not vary.

    Args:
        cluster_differences: Mean difference of each cluster.
        level: Of the two-sided test.
        power: How often it should find the difference.
    """
    count = len(cluster_differences)
    spread = stdev(cluster_differences) if count > 1 else 0.0
    if spread <= 0:
        return None
    return (_NORMAL.inv_cdf(1 - level / 2) + _NORMAL.inv_cdf(power)) * spread / math.sqrt(count)


def _binomial(total: int, count: int) -> float:
    return math.exp(
        math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1) - total * math.log(2)
    )
