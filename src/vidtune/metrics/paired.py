"""Two systems on the same samples: classical tests, and how large a difference is."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from vidtune.metrics.randomisation import sign_flip_test

_ALIKE = 1e-12
_DIGITS = 12
_MAX_EXACT_DIFFERENCES = 50


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
    total = num_only_first + num_only_second
    if total == 0:
        return 1.0
    from scipy import stats

    exact = float(stats.binomtest(num_only_first, total).pvalue)
    if not mid_p:
        return exact
    observed = float(stats.binom.pmf(num_only_first, total, 0.5))
    return exact - observed if num_only_first != num_only_second else 1.0 - 0.5 * observed


def wilcoxon(differences: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return statistic and two-sided p-value of the Wilcoxon signed-rank test of independent differences.

    Zeros are ranked and then left out (Pratt 1959). Up to 50 differences exact, and with ties by exchanging the signs
    of the ranks (``sign_flip_test``); above that by the normal approximation. By ``scipy.stats.wilcoxon``.
    Differences that are all zero give a p-value of 1.

    Args:
        differences: One per independent unit.
        seed: Of the exchanges.
    """
    import numpy as np
    from scipy import stats

    # Means that are equal but for the order of their sum are tied.
    values = np.round(np.asarray(differences, dtype=np.float64), _DIGITS)
    if not values.any():
        return 0.0, 1.0
    is_tied = bool((values == 0).any()) or len(set(np.abs(values))) < len(values)
    if is_tied and len(values) <= _MAX_EXACT_DIFFERENCES:
        # Under equal systems each rank could as well have had the other sign.
        signed_ranks = np.sign(values) * stats.rankdata(np.abs(values))
        p_value, _ = sign_flip_test(signed_ranks, seed=seed)
        return float(signed_ranks.sum()), 1.0 if p_value is None else p_value
    found = stats.wilcoxon(values, zero_method="pratt")
    return float(found.statistic), float(found.pvalue)


def paired_t(differences: Sequence[float]) -> tuple[float, float] | None:
    """Return statistic and two-sided p-value of the paired t-test; None where differences do not vary.

    For independent, normally distributed differences; ``scipy.stats.ttest_1samp``. Source: Student (1908).
    """
    from scipy import stats

    if len(differences) < 2 or max(differences) - min(differences) < _ALIKE:
        return None
    found = stats.ttest_1samp(list(differences), 0.0)
    return float(found.statistic), float(found.pvalue)


def sign_test(differences: Sequence[float]) -> float:
    """Return the two-sided exact p-value of "as many are better as worse"; differences of zero say nothing.

    Source: Arbuthnott (1710); Conover, "Practical Nonparametric Statistics" (1999), section 3.4.
    """
    return mcnemar(sum(value < 0 for value in differences), sum(value > 0 for value in differences))


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
