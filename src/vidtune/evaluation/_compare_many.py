"""Three or more runs on the same samples: means, ranks and all pairs. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vidtune.core.durable import read_json
from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation._aggregate import choose_clusters
from vidtune.evaluation._compare import check_same_samples, describe_unfinished_run, read_current, read_scores
from vidtune.evaluation._compare_words import write_many_verdict
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._settings import differing_settings
from vidtune.metrics import benjamini_hochberg, compare_many, holm


@dataclass(frozen=True)
class RunsCompared:
    """How three or more runs differ."""

    record: dict[str, Any]
    """See ``docs/scores.md``."""

    def to_record(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return self.record

    def to_text(self) -> str:
        """Return verdict and tables for people."""
        from vidtune.evaluation._text import many_text

        return many_text(self.record)


def compare_many_runs(runs: Sequence[RunDirectory], config: EvaluateConfig | None = None) -> RunsCompared:
    """Compare three or more scored runs on the samples that all of them answered.

    Args:
        runs: Scored; the first is the baseline that is named first in pairs.
        config: Confidence, resamples and seed.

    Raises:
        BadUsage: If there are fewer than three runs.
        DataInvalid: If a run is not scored, they share no sample that all answered, or ids stand for other answers.
    """
    if len(runs) < 3:
        raise BadUsage(f"{len(runs)} runs were given, expected three or more.", "Compare two with compare_runs.")
    config = config or EvaluateConfig()
    files = [read_current(run) for run in runs]
    samples = [{one.sample_id: one for one in file.predictions} for file in files]
    shared = [name for name in samples[0] if all(name in others for others in samples[1:])]
    for run, others in zip(runs[1:], samples[1:], strict=True):
        check_same_samples(runs[0], run, samples[0], others, shared)
    kept = [name for name in shared if all(one[name].is_ok for one in samples)]
    if not kept:
        listed = ", ".join(str(run.path) for run in runs)
        raise DataInvalid(
            f"{listed} have no sample that all answered ({len(shared)} ids are shared).",
            "Compare runs over the same data.",
        )
    names = _names(runs)
    cluster, clusters = choose_clusters([samples[0][name] for name in kept])
    record: dict[str, Any] = {
        "schema": 1,
        "runs": [
            {
                "name": name,
                "path": str(run.path),
                "num_expected": file.num_expected,
                "num_samples": len(file.predictions),
                "num_errors": sum(not one.is_ok for one in file.predictions),
                "num_not_shared": len(own) - len(shared),
            }
            for name, run, file, own in zip(names, runs, files, samples, strict=True)
        ],
        "num_shared": len(shared),
        "num_paired": len(kept),
        "cluster": cluster,
        "num_clusters": len(set(clusters)),
        "confidence": config.confidence,
        "metrics": _compare_metrics(runs, names, dict(zip(kept, clusters, strict=True)), config),
    }
    record["settings"] = differing_settings(runs, samples, shared)
    unfinished = [told for run, file in zip(runs, files, strict=True) for told in describe_unfinished_run(run, file)]
    record["verdict"] = write_many_verdict(record, unfinished)
    return RunsCompared(record)


def _names(runs: Sequence[RunDirectory]) -> list[str]:
    """Return the runs' names; where two are alike, their paths."""
    times = Counter(run.name for run in runs)
    names = [run.name if times[run.name] == 1 else str(run.path) for run in runs]
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise BadUsage(f"the run {twice} was given twice, expected different runs.", "Name each run once.")
    return names


def _compare_metrics(
    runs: Sequence[RunDirectory], names: Sequence[str], cluster_of: dict[str, str], config: EvaluateConfig
) -> dict[str, Any]:
    described = [read_json(run.metrics)["metrics"] for run in runs]
    scores = [read_scores(run) for run in runs]
    rows: dict[str, Any] = {}
    for name, first in described[0].items():
        if not all(name in others for others in described[1:]):
            continue
        field = first["field"]
        kept = [sample for sample in cluster_of if all(one[sample].get(field) is not None for one in scores)]
        if not kept:
            continue
        found = compare_many(
            {run: [float(one[sample][field]) for sample in kept] for run, one in zip(names, scores, strict=True)},
            [cluster_of[sample] for sample in kept],
            is_proportion=first["kind"] == "proportion",
            level=round(1 - config.confidence, 12),
            num_resamples=config.num_resamples,
            seed=config.seed,
        )
        rows[name] = {"label": first["label"], "kind": first["kind"], **found.to_record()}
    _correct(rows)
    return rows


def _correct(rows: dict[str, Any]) -> None:
    """Add what holds over all metrics: Holm on whether runs differ at all, Benjamini and Hochberg on all pairs."""
    tested = [row for row in rows.values() if row["omnibus_p"] is not None]
    for row, corrected in zip(tested, holm([row["omnibus_p"] for row in tested]), strict=True):
        row["omnibus_p_holm"] = corrected
    pairs = [pair for row in tested for pair in row["pairs"] if pair["p_value"] is not None]
    for pair, corrected in zip(pairs, benjamini_hochberg([pair["p_value"] for pair in pairs]), strict=True):
        pair["p_value_bh_all_metrics"] = corrected
