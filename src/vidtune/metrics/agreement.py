"""How far raters agree: kappa, alpha, correlations, limits of agreement, intraclass correlation, with intervals.

Axis letters: ``u`` units (what is rated), ``k`` raters, ``v`` values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidtune.metrics.statistics import Interval

Level = Literal["nominal", "ordinal", "interval"]
IccForm = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
Statistic = Callable[[NDArray[np.intp]], float | None]

_MIN_UNITS = 3
_LIMIT_Z = 1.96


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    weights: Literal["linear", "quadratic"] | None = None,
    categories: Sequence[Hashable] | None = None,
) -> float | None:
    """Return the agreement of two raters beyond what their own habits give by chance.

    Sources: Cohen (1960) and, weighted, Cohen (1968); equal to ``sklearn.metrics.cohen_kappa_score``.

    Args:
        first: One category for each unit.
        second: The other rater's.
        weights: How much a disagreement counts: by the distance of categories, its square, or always 1.
        categories: All there are, in order; weights count distances in it. None: those that occur, sorted.

    Returns:
        At most 1; 0 is chance. None where both raters only ever say one and the same.

    Raises:
        ValueError: If the lengths differ, there is nothing, or a category is not among ``categories``.

    Example:
        >>> round(cohen_kappa([1, 2, 3, 3], [1, 2, 3, 2], weights="quadratic"), 3)
        0.8
    """
    _check_pairs(first, second)
    known = list(categories) if categories is not None else sorted({*first, *second})  # type: ignore[type-var]
    place = {category: index for index, category in enumerate(known)}
    if not {*first, *second} <= place.keys():
        raise ValueError(f"found categories that are not among {known}.")
    table_vv = np.zeros((len(known), len(known)))
    np.add.at(table_vv, ([place[one] for one in first], [place[one] for one in second]), 1.0)
    rows_v, columns_v = np.indices(table_vv.shape)
    distance_vv = np.abs(rows_v - columns_v).astype(np.float64)
    if weights is None:
        distance_vv = (distance_vv > 0).astype(np.float64)
    elif weights == "quadratic":
        distance_vv **= 2
    expected_vv = np.outer(table_vv.sum(1), table_vv.sum(0)) / table_vv.sum()
    by_chance = float((distance_vv * expected_vv).sum())
    return None if by_chance == 0 else 1.0 - float((distance_vv * table_vv).sum()) / by_chance


def krippendorff_alpha(ratings: Sequence[Sequence[float | None]], level: Level) -> float | None:
    """Return the agreement of any number of raters, of whom each may have left units out.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); equal to the package ``krippendorff``.

    Args:
        ratings: By rater, one value for each unit; None where there is none.
        level: What differences mean: ``nominal`` different or not; ``ordinal`` by rank; ``interval`` by the number.

    Returns:
        At most 1; 0 is chance. None where no unit has two values, or all values are the same.

    Raises:
        ValueError: If raters have different numbers of units.
    """
    ratings_ku = _matrix(ratings)
    values_v = np.unique(ratings_ku[~np.isnan(ratings_ku)])
    counts_uv = (ratings_ku.T[:, :, None] == values_v[None, None, :]).sum(axis=1).astype(np.float64)
    counts_uv = counts_uv[counts_uv.sum(axis=1) >= 2]
    if not len(counts_uv):
        return None
    num_others_u = counts_uv.sum(axis=1) - 1
    coincidences_vv = np.einsum("uv,uw,u->vw", counts_uv, counts_uv, 1 / num_others_u)
    coincidences_vv[np.diag_indices_from(coincidences_vv)] -= (counts_uv / num_others_u[:, None]).sum(axis=0)
    totals_v = coincidences_vv.sum(axis=0)
    distance_vv = _squared_distances(values_v, totals_v, level)
    expected = float((np.outer(totals_v, totals_v) * distance_vv).sum()) / (totals_v.sum() - 1)
    return None if expected == 0 else 1.0 - float((coincidences_vv * distance_vv).sum()) / expected


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the correlation of ranks, tied ones averaged; None where a side does not vary.

    Equal to ``scipy.stats.spearmanr``.

    Example:
        >>> spearman([1, 2, 3], [2, 4, 9])
        1.0
    """
    _check_pairs(first, second)
    return pearson(_ranks(first), _ranks(second))


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Kendall's tau-b, which allows for ties; None where a side does not vary. That of ``scipy``."""
    _check_pairs(first, second)
    if not (np.ptp(first) and np.ptp(second)):
        return None
    from scipy.stats import kendalltau

    return float(kendalltau(first, second).statistic)


def pearson(
    first: Sequence[float] | NDArray[np.float64], second: Sequence[float] | NDArray[np.float64]
) -> float | None:
    """Return the linear correlation; None where a side does not vary."""
    centred = [np.asarray(side, dtype=np.float64) - np.mean(side) for side in (first, second)]
    norms = [float(np.sqrt((side**2).sum())) for side in centred]
    if min(norms) < 1e-12:
        return None
    return max(-1.0, min(1.0, float((centred[0] * centred[1]).sum()) / (norms[0] * norms[1])))


@dataclass(frozen=True)
class BlandAltman:
    """How far two ways to measure lie apart."""

    bias: float
    """Mean of first minus second."""

    bias_low: float
    bias_high: float
    std: float
    lower: float
    """Lower limit of agreement: 95 % of differences are expected above it."""

    lower_low: float
    lower_high: float
    upper: float
    """Upper limit of agreement."""

    upper_low: float
    upper_high: float
    num_units: int


def bland_altman(first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95) -> BlandAltman:
    """Return bias and limits of agreement, each with its interval.

    Source: Bland and Altman, "Statistical methods for assessing agreement between two methods of clinical measurement"
    (1986), with the standard errors given there: sd / sqrt(n), and sqrt(3 / n) sd for the limits.

    Raises:
        ValueError: If the lengths differ, or there are fewer than three pairs.
    """
    _check_pairs(first, second)
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    count = len(differences)
    if count < _MIN_UNITS:
        raise ValueError(f"expected at least {_MIN_UNITS} pairs, found {count}.")
    from scipy.special import stdtrit

    t = float(stdtrit(count - 1, (1 + confidence) / 2))
    bias, std = float(differences.mean()), float(differences.std(ddof=1))
    lower, upper = bias - _LIMIT_Z * std, bias + _LIMIT_Z * std
    about_bias, about_limit = t * std / math.sqrt(count), t * std * math.sqrt(3 / count)
    return BlandAltman(
        bias,
        bias - about_bias,
        bias + about_bias,
        std,
        lower,
        lower - about_limit,
        lower + about_limit,
        upper,
        upper - about_limit,
        upper + about_limit,
        count,
    )


@dataclass(frozen=True)
class IntraclassCorrelation:
    """One form of intraclass correlation."""

    value: float
    low: float
    high: float
    confidence: float


def intraclass_correlations(
    ratings_uk: Sequence[Sequence[float]], *, confidence: float = 0.95
) -> dict[IccForm, IntraclassCorrelation] | None:
    """Return the six forms: model 1 (other raters for each unit), 2 (raters are a sample), 3 (these raters alone).

    ``,1`` is of one rater, ``,k`` of the mean of all. Models 1 and 2 ask for equal ratings, 3 for equal order and
    spacing. Sources: Shrout and Fleiss (1979); intervals of McGraw and Wong (1996); equal to
    ``pingouin.intraclass_corr``.

    Args:
        ratings_uk: A row for each unit, without gaps.
        confidence: Of the intervals.

    Returns:
        By form; None where fewer than three units or two raters are there, or nothing varies.

    Raises:
        ValueError: If rows have different lengths.
    """
    if len({len(row) for row in ratings_uk}) > 1:
        raise ValueError("expected a rating of every rater for every unit.")
    table_uk = np.asarray(ratings_uk, dtype=np.float64)
    if table_uk.ndim != 2 or table_uk.shape[0] < _MIN_UNITS or table_uk.shape[1] < 2:
        return None
    squares = _mean_squares(table_uk)
    if squares.units <= 0 or squares.within <= 0 or squares.rest <= 0:
        return None
    num_units, num_raters = table_uk.shape
    return _icc_forms(squares, num_units, num_raters, confidence)


def bootstrap_statistic(
    statistic: Statistic,
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return the percentile interval of a statistic of units, drawing whole clusters again and again.

    Args:
        statistic: Takes places of units, some of them several times; None where it is not defined.
        clusters: Of each unit. Give each its own where units are independent.
        confidence: How often such an interval should hold the truth.
        num_resamples: Draws.
        seed: The same seed gives the same interval.

    Returns:
        No bounds with fewer than three clusters, or where most draws leave the statistic undefined.
    """
    members: dict[Hashable, list[int]] = {}
    for place, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(place)
    groups = [np.asarray(places, dtype=np.intp) for places in members.values()]
    if len(groups) < _MIN_UNITS:
        return Interval(None, None, f"none: {len(groups)} groups are too few", confidence)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(num_resamples):
        drawn = rng.integers(0, len(groups), len(groups))
        value = statistic(np.concatenate([groups[index] for index in drawn]))
        if value is not None:
            found.append(value)
    if len(found) < num_resamples / 2:
        return Interval(None, None, "none: undefined in most draws", confidence)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), f"bootstrap over {len(groups)} groups", confidence)


@dataclass(frozen=True)
class _MeanSquares:
    units: float
    within: float
    raters: float
    rest: float


def _mean_squares(table_uk: NDArray[np.float64]) -> _MeanSquares:
    num_units, num_raters = table_uk.shape
    grand = table_uk.mean()
    between_units = num_raters * float(((table_uk.mean(axis=1) - grand) ** 2).sum())
    between_raters = num_units * float(((table_uk.mean(axis=0) - grand) ** 2).sum())
    within = float(((table_uk - table_uk.mean(axis=1, keepdims=True)) ** 2).sum())
    return _MeanSquares(
        between_units / (num_units - 1),
        within / (num_units * (num_raters - 1)),
        between_raters / (num_raters - 1),
        max(0.0, within - between_raters) / ((num_units - 1) * (num_raters - 1)),
    )


def _icc_forms(squares: _MeanSquares, n: int, k: int, confidence: float) -> dict[IccForm, IntraclassCorrelation]:
    """Return the six forms; n units and k raters, as in the sources."""
    msr, msw, msc, mse = squares.units, squares.within, squares.raters, squares.rest
    upper = (1 + confidence) / 2
    one = _one_way(msr / msw, n - 1, n * (k - 1), k, upper)
    three = _one_way(msr / mse, n - 1, (n - 1) * (k - 1), k, upper)
    icc2 = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    ratio = msc / mse
    spread = n * (1 + (k - 1) * icc2) - k * icc2
    degrees = (k - 1) * (n - 1) * (k * icc2 * ratio + spread) ** 2 / ((n - 1) * k**2 * icc2**2 * ratio**2 + spread**2)
    above, below = _f_quantile(n - 1, degrees, upper), _f_quantile(degrees, n - 1, upper)
    rest = k * msc + (k * n - k - n) * mse
    low2, high2 = n * (msr - above * mse) / (above * rest + n * msr), n * (below * msr - mse) / (rest + n * below * msr)
    found: dict[IccForm, tuple[float, float, float]] = {
        "1,1": ((msr - msw) / (msr + (k - 1) * msw), one[0], one[1]),
        "2,1": (icc2, low2, high2),
        "3,1": ((msr - mse) / (msr + (k - 1) * mse), three[0], three[1]),
        "1,k": ((msr - msw) / msr, one[2], one[3]),
        "2,k": ((msr - mse) / (msr + (msc - mse) / n), _of_mean(low2, k), _of_mean(high2, k)),
        "3,k": ((msr - mse) / msr, three[2], three[3]),
    }
    return {form: IntraclassCorrelation(*numbers, confidence) for form, numbers in found.items()}


def _one_way(ratio: float, dfn: float, dfd: float, k: int, upper: float) -> tuple[float, float, float, float]:
    """Return bounds for one rater and for the mean of k, from an F ratio."""
    low, high = ratio / _f_quantile(dfn, dfd, upper), ratio * _f_quantile(dfd, dfn, upper)
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1), 1 - 1 / low, 1 - 1 / high


def _of_mean(value: float, k: int) -> float:
    """Return what an agreement of single raters is for the mean of k of them: Spearman-Brown."""
    return value * k / (1 + value * (k - 1))


def _f_quantile(dfn: float, dfd: float, level: float) -> float:
    from scipy.special import fdtri

    return float(fdtri(dfn, dfd, level))


def _squared_distances(
    values_v: NDArray[np.float64], totals_v: NDArray[np.float64], level: Level
) -> NDArray[np.float64]:
    places_v = np.cumsum(totals_v) - totals_v / 2 if level == "ordinal" else values_v
    distance_vv: NDArray[np.float64] = (places_v[:, None] - places_v[None, :]) ** 2
    return np.where(distance_vv > 0, 1.0, 0.0) if level == "nominal" else distance_vv


def _matrix(ratings: Sequence[Sequence[float | None]]) -> NDArray[np.float64]:
    if len({len(row) for row in ratings}) > 1:
        raise ValueError("expected a value or None of every rater for every unit.")
    rows = [[math.nan if value is None else float(value) for value in row] for row in ratings]
    return np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    _, group, sizes = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    return (np.cumsum(sizes) - (sizes - 1) / 2)[group].astype(np.float64)


def _check_pairs(first: Sequence[Hashable], second: Sequence[Hashable]) -> None:
    if not len(first) or len(first) != len(second):
        raise ValueError(f"expected pairs of ratings; found {len(first)} and {len(second)}.")
