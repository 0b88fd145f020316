"""The numbers of a comparison as its record holds them: pairs of runs, and the ranking of many.

The record is plain JSON, made by scoring; here it is only read. That of two runs is understood too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vidtune.core.errors import DataInvalid

_LEVEL = 0.05


@dataclass(frozen=True)
class Pair:
    """One metric of two runs, on the samples that both answered."""

    a: str
    b: str
    metric: str
    difference: float
    """Of b against a: above 0, b is higher."""

    low: float | None
    high: float | None
    p: float | None
    adjusted_p: float | None
    test: str
    num_pairs: int | None
    num_better: int | None
    """Samples on which b is higher."""

    num_worse: int | None

    @property
    def is_clear(self) -> bool:
        """Whether the difference is told from 0, by its interval; by its test where all groups differ alike."""
        if self.low is None or self.high is None:
            return self.difference != 0 and self.p is not None and self.p <= _LEVEL
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Ranking:
    """How three or more runs rank, over independent groups; rank 1 is best."""

    metric: str
    statistic: float | None
    p: float | None
    average_ranks: Mapping[str, float]
    critical_difference: float | None


def read_pairs(record: Mapping[str, Any]) -> list[Pair]:
    """Return all pairs of a record, of many runs or of two.

    Raises:
        DataInvalid: If the record is neither.
    """
    if isinstance(record.get("metrics"), Mapping):
        return list(_two_runs(record) if "a" in record else _many_runs(record))
    raise DataInvalid("the comparison holds no pairs.", "Run `vidtune compare` again.")


def read_rankings(record: Mapping[str, Any]) -> list[Ranking]:
    """Return the rankings of a record; none for two runs or too few groups."""
    return [] if "a" in record else list(_rankings_of_many(record))


def _two_runs(record: Mapping[str, Any]) -> Iterator[Pair]:
    for metric, row in record["metrics"].items():
        yield Pair(
            a=str(record["a"]),
            b=str(record["b"]),
            metric=str(metric),
            difference=float(row["difference"]),
            low=row["ci_low"],
            high=row["ci_high"],
            p=row["p_value"],
            adjusted_p=row.get("p_value_holm"),
            test=str(row.get("test") or ""),
            num_pairs=row.get("num_pairs"),
            num_better=row.get("num_better"),
            num_worse=row.get("num_worse"),
        )


def _many_runs(record: Mapping[str, Any]) -> Iterator[Pair]:
    """Yield the pairs of a record that holds them under each metric, with names ``first`` and ``second``."""
    for metric, row in record["metrics"].items():
        for one in row.get("pairs") or []:
            yield Pair(
                a=str(one["first"]),
                b=str(one["second"]),
                metric=str(metric),
                difference=float(one["difference"]),
                low=one["interval"]["low"],
                high=one["interval"]["high"],
                p=one["p_value"],
                adjusted_p=one["p_value_holm"],
                # The record's own test is of all runs at once; each pair has the one by sign flips.
                test="sign-flip test of each pair over its groups",
                num_pairs=row.get("num_samples"),
                num_better=None,
                num_worse=None,
            )


def _rankings_of_many(record: Mapping[str, Any]) -> Iterator[Ranking]:
    for metric, row in record["metrics"].items():
        ranking = row.get("ranking")
        if ranking:
            names = [str(system["name"]) for system in row["systems"]]
            yield Ranking(
                metric=str(metric),
                statistic=ranking["friedman_statistic"],
                p=ranking["friedman_p"],
                average_ranks=dict(zip(names, ranking["average_ranks"], strict=True)),
                critical_difference=ranking["critical_difference"],
            )
