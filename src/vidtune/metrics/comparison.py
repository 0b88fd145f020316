"""Two systems on the same samples: the one entry to paired comparisons, with every premise checked and said.

The primary test exchanges the systems' names within whole clusters, and the interval draws whole clusters again; both
hold for any kind of score. The classical tests stand beside them where what they take for granted holds, and say why
not where it does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vidtune.metrics._clusters import sum_by_cluster
from vidtune.metrics._records import as_json_values
from vidtune.metrics.paired import cliffs_delta, cohens_d, mcnemar, paired_t, sign_test, wilcoxon
from vidtune.metrics.power import (
    clustered_standard_error,
    clusters_needed,
    design_effect,
    detectable_difference,
    power_to_find,
)
from vidtune.metrics.premises import Premise, check_independence, check_normality, check_number, check_symmetry
from vidtune.metrics.randomisation import paired_difference
from vidtune.metrics.statistics import NUM_RESAMPLES, Interval

POWER = 0.8
_GROWTH = (1, 2, 4)


@dataclass(frozen=True)
class SignificanceTest:
    """One test: its p-value, or why there is none."""

    name: str
    p_value: float | None
    statistic: float | None
    unit: str
    """What it counts as independent, with their number."""
    premises: tuple[str, ...]
    """Names of what it takes for granted."""
    reason: str = ""
    """Why it was refused; empty where it was not."""


@dataclass(frozen=True)
class Power:
    """What a comparison over this many clusters, of this spread, can find."""

    standard_error: float | None
    """Clustered, of the mean difference."""
    design_effect: float | None
    """How many times more samples the clusters make necessary."""
    level: float
    power: float
    detectable_difference: float | None
    """Smallest true difference that is found with that power."""
    detectable_by_clusters: tuple[tuple[int, float], ...]
    """The same with two and four times as many clusters like these: (clusters, difference)."""
    of_interest: float | None = None
    """A difference that would matter, where one was named."""
    power_of_interest: float | None = None
    """How often it is found."""
    clusters_of_interest: int | None = None
    """How many clusters it takes to find it with ``power``."""


@dataclass(frozen=True)
class PairedComparison:
    """System B against system A on the same samples."""

    mean_a: float
    mean_b: float
    difference: float
    interval: Interval
    num_pairs: int
    num_clusters: int
    num_better: int
    num_worse: int
    primary: SignificanceTest
    primary_method: str
    """Whether all exchanges were tried or how many random ones."""
    secondary: tuple[SignificanceTest, ...]
    premises: tuple[Premise, ...]
    cohens_d: float | None
    """Of the clusters' mean differences (d_z)."""
    cliffs_delta: float
    """Over all pairs of an answer of A and one of B; -1 to 1."""
    power: Power

    def to_record(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        record: dict[str, Any] = as_json_values(self)
        return record


def compare_paired(
    values_a: Sequence[float],
    values_b: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    is_proportion: bool = False,
    of_interest: float | None = None,
    level: float = 0.05,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compare B with A on the same samples.

    Primary: approximate randomisation by clusters, with the bootstrap interval over clusters. Secondary: exact McNemar
    (right and wrong of samples that stand alone; in clusters the sign test over clusters instead), Wilcoxon
    signed-rank and paired t over clusters' mean differences. Their sources stand with their
    own functions.

    Args:
        values_a: Of A, one per sample.
        values_b: Of B, of the same samples.
        clusters: Of each sample, whom or what it shares with others.
        is_proportion: Whether values are 0 or 1.
        of_interest: A difference that would matter: power and clusters needed are told for it.
        level: Of tests; the interval's confidence is ``1 - level``.
        num_resamples: Of the bootstrap.
        seed: Of everything drawn.

    Raises:
        ValueError: If the sequences differ in length or are empty.

    Example:
        >>> found = compare_paired([0.0, 0.1, 0.2] * 4, [0.5, 0.4, 0.9] * 4, list("aabbccddeeff"))
        >>> round(found.difference, 2), found.primary.p_value
        (0.5, 0.03125)
    """
    found = paired_difference(
        values_a, values_b, clusters, confidence=1 - level, num_resamples=num_resamples, seed=seed
    )
    differences = [float(second) - float(first) for first, second in zip(values_a, values_b, strict=True)]
    sums_k, counts_k = sum_by_cluster(differences, clusters)
    means_k = [float(mean) for mean in sums_k / counts_k]
    is_clustered = found.num_clusters < found.num_pairs
    unit = f"{found.num_clusters:,} {'clusters' if is_clustered else 'samples'}"
    of = "mean differences of clusters" if is_clustered else "differences"
    independence, number = check_independence(clusters), check_number(found.num_clusters, level)
    normality, symmetry = check_normality(means_k, of), check_symmetry(means_k, of)
    num_better, num_worse = sum(value > 0 for value in differences), sum(value < 0 for value in differences)
    reason = "" if found.p_value is not None else found.test
    primary = SignificanceTest(
        "approximate randomisation by clusters", found.p_value, found.difference, unit, (), reason
    )
    secondary = [
        _run("Wilcoxon signed-rank", unit, (number, symmetry), lambda: wilcoxon(means_k, seed=seed)),
        _run("paired t", unit, (number, normality), lambda: paired_t(means_k)),
    ]
    if is_clustered:
        secondary.append(_run("sign test over clusters", unit, (), lambda: (None, sign_test(means_k))))
    if is_proportion:
        secondary.insert(
            0,
            _run(
                "exact McNemar",
                f"{found.num_pairs:,} samples",
                (independence,),
                lambda: (float(num_better - num_worse), mcnemar(num_worse, num_better)),
            ),
        )
    return PairedComparison(
        mean_a=fmean(values_a),
        mean_b=fmean(values_b),
        difference=found.difference,
        interval=found.interval,
        num_pairs=found.num_pairs,
        num_clusters=found.num_clusters,
        num_better=num_better,
        num_worse=num_worse,
        primary=primary,
        primary_method=found.test,
        secondary=tuple(secondary),
        premises=(independence, number, normality, symmetry),
        cohens_d=cohens_d(means_k),
        cliffs_delta=cliffs_delta(values_a, values_b),
        power=_power(differences, clusters, found.num_clusters, of_interest, level),
    )


def _run(
    name: str,
    unit: str,
    premises: Sequence[Premise],
    test: Callable[[], tuple[float | None, float] | None],
) -> SignificanceTest:
    """Return the test's outcome where its premises hold or cannot be told, else the first that fails."""
    names = tuple(premise.name for premise in premises)
    failing = next((premise for premise in premises if premise.holds is False), None)
    if failing is not None:
        return SignificanceTest(name, None, None, unit, names, f"refused, no {failing.name}: {failing.found}")
    outcome = test()
    if outcome is None:
        return SignificanceTest(name, None, None, unit, names, "refused: the differences do not vary.")
    return SignificanceTest(name, outcome[1], outcome[0], unit, names)


def _power(
    differences: Sequence[float],
    clusters: Sequence[Hashable],
    num_clusters: int,
    of_interest: float | None,
    level: float,
) -> Power:
    error = clustered_standard_error(differences, clusters)
    if not error:
        return Power(None, None, level, POWER, None, ())
    grown = []
    for times in _GROWTH:
        count = times * num_clusters
        found = detectable_difference(error / math.sqrt(times), count, level=level, power=POWER)
        grown.append((count, found or 0.0))
    return Power(
        standard_error=error,
        design_effect=design_effect(differences, clusters),
        level=level,
        power=POWER,
        detectable_difference=grown[0][1],
        detectable_by_clusters=tuple(grown),
        of_interest=of_interest,
        power_of_interest=power_to_find(of_interest, error, num_clusters, level=level) if of_interest else None,
        clusters_of_interest=clusters_needed(of_interest, error, num_clusters, level=level, power=POWER)
        if of_interest
        else None,
    )
