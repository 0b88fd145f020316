"""Many systems ranked within each cluster: Friedman's test and Nemenyi's critical difference.

Axis letters: ``k`` clusters (blocks), ``m`` systems.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ALIKE = 1e-12
_DIGITS = 12


@dataclass(frozen=True)
class Ranking:
    """How systems rank over independent blocks; rank 1 is the best."""

    average_ranks: tuple[float, ...]
    friedman_statistic: float
    """Chi-square, corrected for ties."""
    friedman_p: float
    iman_davenport_statistic: float | None
    """The F form, less conservative; None where all blocks rank alike and F is without bound."""
    iman_davenport_p: float
    critical_difference: float
    """Systems whose average ranks differ by less are not told apart."""
    nemenyi_p: tuple[tuple[float, ...], ...]
    """Of each pair of systems (m, m), corrected for their number."""
    cliques: tuple[tuple[int, ...], ...]
    """Largest groups of systems, best first, within one critical difference: the bars of the diagram."""
    num_blocks: int
    level: float


def friedman_nemenyi(values_km: NDArray[np.float64], *, level: float = 0.05, higher_is_better: bool = True) -> Ranking:
    """Rank ``m`` systems in each of ``k`` independent blocks and test whether they differ, and which.

    Friedman's chi-square is ``scipy.stats.friedmanchisquare``; its F form Iman and Davenport (1980); critical
    difference and p-values of pairs by the studentized range, Nemenyi (1963). All as in Demšar, "Statistical
    Comparisons of Classifiers over Multiple Data Sets" (2006).

    Args:
        values_km: Mean of each system in each block; at least 3 systems and 2 blocks.
        level: Of the critical difference.
        higher_is_better: Whether a higher value is rank 1.

    Raises:
        ValueError: If there are fewer than 3 systems or 2 blocks.
    """
    num_blocks, num_systems = values_km.shape
    if num_systems < 3 or num_blocks < 2:
        raise ValueError(f"expected 3 systems and 2 blocks; found {num_systems} and {num_blocks}.")
    from scipy import stats

    # Means that are equal but for the order of their sum are tied.
    rounded_km = np.round(values_km, _DIGITS)
    ranks_km = stats.rankdata(-rounded_km if higher_is_better else rounded_km, axis=1)
    average_m = ranks_km.mean(axis=0)
    statistic, p_value = 0.0, 1.0
    # Where every block ties all systems there is nothing to rank, and scipy's correction for ties divides by zero.
    if np.ptp(ranks_km):
        found = stats.friedmanchisquare(*ranks_km.T)
        statistic, p_value = float(found.statistic), float(found.pvalue)
    f_statistic, f_p = _iman_davenport(statistic, num_blocks, num_systems)
    error = math.sqrt(num_systems * (num_systems + 1) / (6 * num_blocks))
    bound = float(stats.studentized_range.isf(level, num_systems, np.inf)) / math.sqrt(2) * error
    scaled = np.abs(average_m[:, None] - average_m[None, :]) / error * math.sqrt(2)
    pairs_mm = np.clip(stats.studentized_range.sf(scaled, num_systems, np.inf), 0.0, 1.0)
    return Ranking(
        average_ranks=tuple(float(rank) for rank in average_m),
        friedman_statistic=statistic,
        friedman_p=p_value,
        iman_davenport_statistic=f_statistic,
        iman_davenport_p=f_p,
        critical_difference=bound,
        nemenyi_p=tuple(tuple(float(value) for value in row) for row in pairs_mm),
        cliques=find_cliques([float(rank) for rank in average_m], bound),
        num_blocks=num_blocks,
        level=level,
    )


def find_cliques(average_ranks: Sequence[float], critical_difference: float) -> tuple[tuple[int, ...], ...]:
    """Return the largest groups of systems whose average ranks lie within one critical difference, best first.

    Groups may overlap: of A, B and C, A may not be told from B nor B from C, and A may be better than C. A system that
    is told from all others is in no group.

    Example:
        >>> find_cliques([1.2, 1.9, 2.6, 4.3], 1.0)
        ((0, 1), (1, 2))
    """
    order = sorted(range(len(average_ranks)), key=lambda system: average_ranks[system])
    groups: list[tuple[int, ...]] = []
    reached = 0
    for start, first in enumerate(order):
        end = start + 1
        while end < len(order) and average_ranks[order[end]] - average_ranks[first] < critical_difference:
            end += 1
        if end - start > 1 and end > reached:
            groups.append(tuple(order[start:end]))
            reached = end
    return tuple(groups)


def _iman_davenport(statistic: float, num_blocks: int, num_systems: int) -> tuple[float | None, float]:
    from scipy import special

    left = num_blocks * (num_systems - 1) - statistic
    if left < _ALIKE * num_blocks * num_systems:
        return None, 0.0
    f_statistic = (num_blocks - 1) * statistic / left
    p_value = special.fdtrc(num_systems - 1, (num_systems - 1) * (num_blocks - 1), f_statistic)
    return float(f_statistic), float(p_value)
