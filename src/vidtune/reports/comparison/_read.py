"""Several scored runs read together, with the record of their comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vidtune.core.errors import BadUsage
from vidtune.core.rundir import RunDirectory
from vidtune.reports._view import Row, RunView, read_run
from vidtune.reports.comparison._cost import Cost, read_cost
from vidtune.reports.comparison._pairs import Pair, Ranking, read_pairs, read_rankings


@dataclass(frozen=True)
class Compared:
    """Everything a comparison says. Runs stand in the order given; the first is what the others are compared with."""

    folder: Path
    """Where the reports go."""

    names: tuple[str, ...]
    views: tuple[RunView, ...]
    pairs: tuple[Pair, ...]
    rankings: tuple[Ranking, ...]
    costs: tuple[Cost, ...]
    sentences: tuple[str, ...]
    """What the record says in words."""

    shared: tuple[tuple[Row, ...], ...]
    """The samples that every run answered: each a row of every run."""

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """Summaries of the metrics that all runs have, as the first one describes them; not the published rules."""
        return {
            name: summary
            for name, summary in self.views[0].summaries.items()
            if not name.endswith("_compat") and all(name in view.summaries for view in self.views)
        }

    @property
    def leading(self) -> str:
        """The metric that decides: the first of the first run."""
        return next(iter(self.metrics), "")

    @property
    def num_failed(self) -> tuple[int, ...]:
        """Samples without an answer, by run."""
        return tuple(int(view.metrics["num_errors"]) for view in self.views)

    @property
    def interval_title(self) -> str:
        """What the intervals of each run's own means are called; all that there are, where runs differ in it."""
        return " or ".join(sorted({view.interval_title for view in self.views}))

    def pair(self, a: str, b: str, metric: str) -> Pair | None:
        """Return a comparison whichever way round it was made; its difference is of b against a."""
        for one in self.pairs:
            if one.metric == metric and (one.a, one.b) == (a, b):
                return one
            if one.metric == metric and (one.a, one.b) == (b, a):
                return _turned(one)
        return None


def read_compared(runs: Sequence[RunDirectory], record: Mapping[str, Any], folder: Path) -> Compared:
    """Read runs and the record of their comparison.

    Raises:
        BadUsage: If there are fewer than two runs, or two of one name.
        NotScored: If one was not evaluated.
        DataInvalid: If the record holds no pairs.
    """
    names = tuple(run.name for run in runs)
    if len(names) < 2:
        raise BadUsage(f"{len(names)} runs were given; a comparison needs two.", "Name two or more run directories.")
    if len(set(names)) < len(names):
        raise BadUsage(
            f"two runs have the same name: {', '.join(names)}.", "Rename a folder, so that reports can tell them apart."
        )
    views = tuple(read_run(run) for run in runs)
    answered = [{str(row.record["sample_id"]): row for row in view.rows if row.is_ok} for view in views]
    shared = [name for name in answered[0] if all(name in others for others in answered)]
    verdict = record.get("verdict") or {}
    told = [verdict.get("headline"), *(verdict.get("sentences") or [])] if isinstance(verdict, Mapping) else [verdict]
    rows = tuple(tuple(others[name] for others in answered) for name in shared)
    fields = {name: summary["field"] for name, summary in views[0].summaries.items()}
    return Compared(
        folder=folder,
        names=names,
        views=views,
        pairs=tuple(_counted(pair, names, fields, rows) for pair in read_pairs(record)),
        rankings=tuple(read_rankings(record)),
        costs=tuple(read_cost(view) for view in views),
        sentences=tuple(str(one) for one in told if one),
        shared=rows,
    )


def _counted(pair: Pair, names: Sequence[str], fields: Mapping[str, str], samples: Sequence[Sequence[Row]]) -> Pair:
    """Return a pair with wins and losses, counted on the samples that all runs answered where the record has none."""
    if pair.num_better is not None or pair.metric not in fields or not {pair.a, pair.b} <= set(names):
        return pair
    first, second, field = names.index(pair.a), names.index(pair.b), fields[pair.metric]
    both = [(rows[first].scores.get(field), rows[second].scores.get(field)) for rows in samples]
    known = [(float(a), float(b)) for a, b in both if a is not None and b is not None]
    return replace(
        pair,
        num_pairs=len(known),
        num_better=sum(b > a for a, b in known),
        num_worse=sum(b < a for a, b in known),
    )


def _turned(one: Pair) -> Pair:
    low, high = (None if one.high is None else -one.high), (None if one.low is None else -one.low)
    return Pair(
        one.b, one.a, one.metric, -one.difference, low, high, one.p, one.adjusted_p, one.test, one.num_pairs,
        one.num_worse, one.num_better,
    )  # fmt: skip
