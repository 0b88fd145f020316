"""Analysis of variance: of many systems on the same clusters, and of systems trained several times.

Axis letters: ``k`` clusters, ``m`` systems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidtune.metrics.premises import Premise, check_normality, check_number, check_sphericity, contrast_covariance

MIN_SEEDS = 5
_ALIKE = 1e-12
_LEVEL = 0.05


@dataclass(frozen=True)
class Variance:
    """An analysis of variance, or why it was refused."""

    name: str
    statistic: float | None
    """F."""
    p_value: float | None
    degrees: tuple[float, float] | None
    epsilon: float | None
    """Greenhouse and Geisser's factor on the degrees of freedom; 1 where sphericity holds. None where not of use."""
    premises: tuple[Premise, ...]
    reason: str = ""
    """Why it was refused; empty where it was not."""


def repeated_measures_anova(values_km: NDArray[np.float64], *, level: float = _LEVEL) -> Variance:
    """Test whether the means of ``m`` systems over the same ``k`` independent clusters are all equal.

    Refused where there are too few clusters or the residuals are not normal. Where sphericity fails, or cannot be told,
    the degrees of freedom are reduced by Greenhouse and Geisser (1959). With two systems F is the square of the paired
    t. Source: Girden, "ANOVA: Repeated Measures" (1992); equal to ``statsmodels`` ``AnovaRM``.

    Args:
        values_km: Mean of each system in each cluster; at least two of both.
        level: At which a test is asked for.

    Raises:
        ValueError: If there are fewer than 2 systems or 2 clusters.
    """
    num_clusters, num_systems = values_km.shape
    if min(num_clusters, num_systems) < 2:
        raise ValueError(f"expected 2 systems and 2 clusters; found {num_systems} and {num_clusters}.")
    from scipy import special

    name = "repeated-measures ANOVA"
    means_m = values_km.mean(axis=0)
    residuals_km = values_km - means_m - values_km.mean(axis=1, keepdims=True) + values_km.mean()
    premises = (
        check_number(num_clusters, level),
        check_normality([float(value) for value in residuals_km.ravel()], "residuals"),
        check_sphericity(values_km),
    )
    failing = next((premise for premise in premises[:2] if premise.holds is False), None)
    if failing is not None:
        return Variance(name, None, None, None, None, premises, f"refused, no {failing.name}: {failing.found}")
    left = float((residuals_km**2).sum())
    if left < _ALIKE:
        return Variance(name, None, None, None, None, premises, "refused: the differences do not vary.")
    degrees = num_systems - 1, (num_systems - 1) * (num_clusters - 1)
    between = num_clusters * float(((means_m - means_m.mean()) ** 2).sum())
    statistic = between / degrees[0] / (left / degrees[1])
    epsilon = 1.0 if premises[2].holds else greenhouse_geisser(values_km)
    used = degrees[0] * epsilon, degrees[1] * epsilon
    p_value = float(special.fdtrc(used[0], used[1], statistic))
    return Variance(name, statistic, p_value, used, epsilon, premises)


def greenhouse_geisser(values_km: NDArray[np.float64]) -> float:
    """Return how far the covariance of systems is from spherical: 1 where it is, at least ``1 / (m - 1)``.

    Source: Box (1954); Greenhouse and Geisser, "On methods in the analysis of profile data" (1959).
    """
    covariance = contrast_covariance(values_km)
    return float(np.trace(covariance) ** 2 / (len(covariance) * (covariance**2).sum()))


def compare_seeds(scores: Mapping[str, Sequence[float]], *, level: float = _LEVEL) -> Variance:
    """Test whether systems that were each trained several times differ, from one score per training.

    A claim about a way of training, not about one trained model: its unit is the training run. Refused below five seeds
    a system, and where residuals are not normal. Equal spreads are checked by Levene's test (around medians: Brown and
    Forsythe 1974); where they are not equal, Welch's form is used. Two systems: the t-test, of which F is the square.
    By ``scipy.stats``.

    Args:
        scores: Of each system, one score for each seed.
        level: Of the check of spreads.

    Raises:
        ValueError: If there are fewer than 2 systems.
    """
    if len(scores) < 2:
        raise ValueError(f"expected 2 systems; found {len(scores)}.")
    from scipy import stats

    groups = [np.asarray(values, dtype=np.float64) for values in scores.values()]
    fewest = min(len(group) for group in groups)
    seeds = Premise("enough seeds", fewest >= MIN_SEEDS, f"{fewest} seeds at least; it takes {MIN_SEEDS}.")
    if not seeds.holds:
        return Variance(
            "ANOVA over seeds", None, None, None, None, (seeds,), f"refused, no enough seeds: {seeds.found}"
        )
    if all(np.ptp(group) < _ALIKE for group in groups):
        return Variance("ANOVA over seeds", None, None, None, None, (seeds,), "refused: seeds do not vary.")
    spreads_p = float(stats.levene(*groups, center="median").pvalue)
    verb = "rejects" if spreads_p < level else "does not reject"
    spreads = Premise("equal spreads", spreads_p >= level, f"Levene's test {verb} it, p = {spreads_p:.3g}.", spreads_p)
    # Normal values of unequal spreads are not normal when thrown together.
    units = [1.0 if spreads.holds else float(group.std(ddof=1)) or 1.0 for group in groups]
    residuals = [float(one) for group, unit in zip(groups, units, strict=True) for one in (group - group.mean()) / unit]
    normality = check_normality(residuals, "residuals")
    premises = (seeds, spreads, normality)
    name = "ANOVA over seeds" if spreads.holds else "Welch's ANOVA over seeds"
    if normality.holds is False:
        reason = f"refused, no {normality.name}: {normality.found}"
        return Variance(name, None, None, None, None, premises, reason)
    found = stats.f_oneway(*groups, equal_var=bool(spreads.holds))
    return Variance(name, float(found.statistic), float(found.pvalue), None, None, premises)
