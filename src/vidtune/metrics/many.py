"""Many systems on the same samples: do they differ at all, which of them, and how they rank.

Axis letters: ``k`` clusters, ``m`` systems.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np

from vidtune.metrics._clusters import sum_rows_by_cluster
from vidtune.metrics._records import as_json_values
from vidtune.metrics.corrections import benjamini_hochberg, holm
from vidtune.metrics.premises import Premise, check_independence, check_number
from vidtune.metrics.randomisation import exchange_test, paired_difference
from vidtune.metrics.ranking import Ranking, friedman_nemenyi
from vidtune.metrics.statistics import NUM_RESAMPLES, Interval, mean_interval
from vidtune.metrics.variance import Variance, repeated_measures_anova


@dataclass(frozen=True)
class SystemMean:
    """One system's mean with its interval, and its place."""

    name: str
    mean: float
    interval: Interval
    average_rank: float | None
    """Over clusters, 1 is best; None with too few clusters."""


@dataclass(frozen=True)
class PairOfSystems:
    """Two of the systems, in pairs of answers."""

    first: str
    second: str
    difference: float
    """Of the second against the first."""
    interval: Interval
    p_value: float | None
    p_value_holm: float | None
    """Corrected for all pairs, so that the chance of any false finding stays at the level."""
    p_value_bh: float | None
    """Corrected so that the share of false findings does: for looking around."""
    p_value_nemenyi: float | None


@dataclass(frozen=True)
class ManyComparison:
    """Three or more systems on the same samples."""

    systems: tuple[SystemMean, ...]
    """In the order given."""
    num_samples: int
    num_clusters: int
    omnibus_p: float | None
    """Of "all are equal", from exchanging names within clusters."""
    omnibus_test: str
    ranking: Ranking | None
    ranking_reason: str
    """Why there is no ranking; empty where there is one."""
    anova: Variance | None
    pairs: tuple[PairOfSystems, ...]
    premises: tuple[Premise, ...]

    def to_record(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        record: dict[str, Any] = as_json_values(self)
        return record


def compare_many(
    values: Mapping[str, Sequence[float]],
    clusters: Sequence[Hashable],
    *,
    is_proportion: bool = False,
    higher_is_better: bool = True,
    level: float = 0.05,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> ManyComparison:
    """Compare three or more systems on the same samples.

    First whether they differ at all (randomisation by clusters; Friedman and repeated-measures ANOVA over the means of
    clusters beside it), then all pairs: difference with clustered interval and randomisation test, corrected by Holm
    and by Benjamini and Hochberg for the number of pairs, and Nemenyi's test of ranks.

    Args:
        values: Of each system, one per sample, in the same order.
        clusters: Of each sample, whom or what it shares with others.
        is_proportion: Whether values are 0 or 1.
        higher_is_better: Whether rank 1 is the highest.
        level: Of tests; the intervals' confidence is ``1 - level``.
        num_resamples: Of the bootstrap.
        seed: Of everything drawn.

    Raises:
        ValueError: If there are fewer than three systems, or lengths differ.
    """
    lengths = {len(series) for series in values.values()}
    if len(values) < 3 or lengths != {len(clusters)}:
        raise ValueError(f"expected 3 systems of {len(clusters)} values; found {len(values)} of {sorted(lengths)}.")
    table_nm = np.column_stack([np.asarray(series, dtype=np.float64) for series in values.values()])
    sums_km = sum_rows_by_cluster(table_nm, clusters)
    counts_k1 = sum_rows_by_cluster(np.ones((len(clusters), 1)), clusters)
    independence, number = check_independence(clusters), check_number(len(sums_km), level)
    settings: dict[str, Any] = {"confidence": 1 - level, "num_resamples": num_resamples, "seed": seed}
    omnibus_p, omnibus_test = exchange_test(sums_km, seed=seed)
    ranking, anova = None, None
    if number.holds:
        means_km = sums_km / counts_k1
        ranking = friedman_nemenyi(means_km, level=level, higher_is_better=higher_is_better)
        anova = repeated_measures_anova(means_km, level=level)
    return ManyComparison(
        systems=tuple(
            SystemMean(
                name,
                fmean(series),
                mean_interval(series, clusters, is_proportion=is_proportion, **settings),
                ranking.average_ranks[place] if ranking else None,
            )
            for place, (name, series) in enumerate(values.items())
        ),
        num_samples=len(clusters),
        num_clusters=len(sums_km),
        omnibus_p=omnibus_p,
        omnibus_test=omnibus_test,
        ranking=ranking,
        ranking_reason="" if ranking else f"refused, no {number.name}: {number.found}",
        anova=anova,
        pairs=_pairs(values, clusters, ranking, settings),
        premises=(independence, number),
    )


def _pairs(
    values: Mapping[str, Sequence[float]],
    clusters: Sequence[Hashable],
    ranking: Ranking | None,
    settings: Mapping[str, Any],
) -> tuple[PairOfSystems, ...]:
    names = list(values)
    places = list(combinations(range(len(names)), 2))
    found = [paired_difference(values[names[one]], values[names[other]], clusters, **settings) for one, other in places]
    p_values = [pair.p_value for pair in found if pair.p_value is not None]
    # Either all pairs have a p-value or, with a single cluster, none has.
    holm_p, bh_p = iter(holm(p_values)), iter(benjamini_hochberg(p_values))
    return tuple(
        PairOfSystems(
            names[one],
            names[other],
            pair.difference,
            pair.interval,
            pair.p_value,
            next(holm_p, None),
            next(bh_p, None),
            ranking.nemenyi_p[one][other] if ranking else None,
        )
        for (one, other), pair in zip(places, found, strict=True)
    )
