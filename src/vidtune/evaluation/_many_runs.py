"""Two or more runs on the same samples: every pair of them, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from vidtune.core.durable import write_json
from vidtune.core.errors import BadUsage
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation._compare import Comparison, compare_runs
from vidtune.evaluation._config import EvaluateConfig
from vidtune.metrics import holm


def compare_all(
    runs: Sequence[RunDirectory],
    folder: Path,
    config: EvaluateConfig | None = None,
    *,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Compare every pair of runs, write ``comparison.json`` into ``folder`` and return what it holds.

    Each run but the first is left with its comparison with the first in it.

    Args:
        runs: Two or more scored runs; the first is the one the others are compared with.
        folder: Gets the record.
        config: Confidence, resamples and seed.
        progress: Told after each pair.

    Raises:
        BadUsage: If there are fewer than two runs.
        DataInvalid: If two of them cannot be compared; see ``compare_runs``.
    """
    if len(runs) < 2:
        raise BadUsage(f"{len(runs)} run was given; a comparison needs two.", "Name two or more run directories.")
    # The first run comes last of all: a run keeps the comparison that was made last.
    places = sorted(combinations(range(len(runs)), 2), reverse=True)
    found: dict[tuple[int, int], Comparison] = {}
    for done, (one, other) in enumerate(places, start=1):
        found[one, other] = compare_runs(runs[one], runs[other], config)
        progress("compare", done, len(places), f"{runs[one].name} and {runs[other].name}")
    ordered = [found[place].record for place in sorted(found)]
    record: dict[str, Any] = {
        "schema": 1,
        "runs": [run.name for run in runs],
        "pairs": _pairs(ordered),
        "friedman": None,
        "verdict": {
            "headline": "",
            "sentences": [one["verdict"]["headline"] for one in ordered if one["a"] == runs[0].name],
        },
    }
    write_json(folder / "comparison.json", record)
    return record


def _pairs(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    pairs = [
        {
            "a": record["a"],
            "b": record["b"],
            "metric": metric,
            "label": row["label"],
            "kind": row["kind"],
            "difference": row["difference"],
            "interval": [row["ci_low"], row["ci_high"]],
            "p": row["p_value"],
            "adjusted_p": None,
            "test": row["test"],
            "num_pairs": row["num_pairs"],
            "num_clusters": row["num_clusters"],
            "num_better": row["num_better"],
            "num_worse": row["num_worse"],
        }
        for record in records
        for metric, row in record["metrics"].items()
    ]
    for metric in {pair["metric"] for pair in pairs}:
        tested = [pair for pair in pairs if pair["metric"] == metric and pair["p"] is not None]
        for pair, adjusted in zip(tested, holm([float(pair["p"]) for pair in tested]), strict=True):
            pair["adjusted_p"] = adjusted
    return pairs
