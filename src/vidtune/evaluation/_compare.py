"""Two runs on the same samples, in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation._aggregate import choose_clusters
from vidtune.evaluation._compare_words import write_comparison_verdict
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction, PredictionFile, describe_unfinished, read_predictions
from vidtune.evaluation._settings import differing_settings
from vidtune.metrics import benjamini_hochberg, compare_paired, holm


@dataclass(frozen=True)
class Comparison:
    """How run B differs from run A; the contents of ``comparison.json`` and where it lies."""

    path: Path
    record: dict[str, Any]
    """See ``docs/scores.md``."""

    def to_record(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return self.record

    def to_text(self) -> str:
        """Return verdict and table for people."""
        from vidtune.evaluation._text import comparison_text

        return comparison_text(self.record)


def compare_runs(run_a: RunDirectory, run_b: RunDirectory, config: EvaluateConfig | None = None) -> Comparison:
    """Compare run B with run A and write ``comparison.json`` into B.

    Only samples that both answered count, paired by id; how many others there are is said.

    Args:
        run_a: The baseline, scored.
        run_b: The run of interest, scored.
        config: Confidence, resamples and seed.

    Raises:
        BadUsage: If both are the same run.
        DataInvalid: If a run is not scored, they share no samples, or the same ids stand for other answers.
    """
    if run_a.path.resolve() == run_b.path.resolve():
        raise BadUsage(f"{run_b.path} was to be compared with itself.", "Name two different runs.")
    config = config or EvaluateConfig()
    file_a, file_b = read_current(run_a), read_current(run_b)
    predictions_a = {one.sample_id: one for one in file_a.predictions}
    predictions_b = {one.sample_id: one for one in file_b.predictions}
    shared = [name for name in predictions_b if name in predictions_a]
    check_same_samples(run_a, run_b, predictions_a, predictions_b, shared)
    paired = [name for name in shared if predictions_a[name].is_ok and predictions_b[name].is_ok]
    if not paired:
        raise DataInvalid(
            f"{run_a.path} and {run_b.path} have no sample that both answered ({len(shared)} ids are shared).",
            "Compare runs over the same data.",
        )
    cluster, clusters = choose_clusters([predictions_b[name] for name in paired])
    rows = _compare_metrics(run_a, run_b, dict(zip(paired, clusters, strict=True)), config)
    record: dict[str, Any] = {
        "schema": 1,
        "a": run_a.name,
        "b": run_b.name,
        "num_paired": len(paired),
        "num_shared": len(shared),
        "num_expected_a": file_a.num_expected,
        "num_expected_b": file_b.num_expected,
        "num_only_a": len(predictions_a) - len(shared),
        "num_only_b": len(predictions_b) - len(shared),
        "num_errors_a": sum(not predictions_a[name].is_ok for name in shared),
        "num_errors_b": sum(not predictions_b[name].is_ok for name in shared),
        "cluster": cluster,
        "num_clusters": len(set(clusters)),
        "metrics": rows,
    }
    record["settings"] = differing_settings((run_a, run_b), (predictions_a, predictions_b), shared)
    first = describe_unfinished_run(run_a, file_a) + describe_unfinished_run(run_b, file_b)
    record["verdict"] = write_comparison_verdict(record, first)
    path = run_b.comparison
    write_json(path, record)
    return Comparison(path, record)


def read_current(run: RunDirectory) -> PredictionFile:
    """Return a run's predictions, after making sure that its scores belong to them."""
    file = read_predictions(run.path)
    if not run.metrics.exists() or not run.scores.exists():
        raise DataInvalid(f"{run.path} is not scored.", f"Run `vidtune evaluate {run.path}` first.")
    if read_json(run.metrics).get("predictions_sha256") != file.sha256:
        raise DataInvalid(
            f"the scores of {run.path} belong to other predictions than those in {file.path.name}.",
            f"Run `vidtune evaluate {run.path}` again.",
        )
    return file


def describe_unfinished_run(run: RunDirectory, file: PredictionFile) -> list[str]:
    """Return what to say of a run that was asked for more than it has predicted; nothing otherwise."""
    told = describe_unfinished(len(file.predictions), file.num_expected)
    return [f"{run.name} is unfinished: {told}."] if told else []


def check_same_samples(
    run_a: RunDirectory,
    run_b: RunDirectory,
    predictions_a: dict[str, Prediction],
    predictions_b: dict[str, Prediction],
    shared: Sequence[str],
) -> None:
    """Refuse runs in which the same id stands for different true answers.

    Raises:
        DataInvalid: If it does.
    """
    differing = [name for name in shared if predictions_a[name].answer != predictions_b[name].answer]
    if differing:
        raise DataInvalid(
            f"{len(differing)} samples of {run_a.path} and {run_b.path} have the same id and different "
            f"true answers, e.g. {differing[0]}.",
            "Compare runs over the same data.",
        )


def read_scores(run: RunDirectory) -> dict[str, dict[str, Any]]:
    """Return the records of ``scores.jsonl`` by sample id."""
    return {record["sample_id"]: record for record in RecordLog(run.scores).read()}


def _compare_metrics(
    run_a: RunDirectory, run_b: RunDirectory, cluster_of: dict[str, str], config: EvaluateConfig
) -> dict[str, Any]:
    described_a, described_b = read_json(run_a.metrics)["metrics"], read_json(run_b.metrics)["metrics"]
    scores_a, scores_b = read_scores(run_a), read_scores(run_b)
    rows = {}
    for name, described in described_b.items():
        if name not in described_a:
            continue
        field = described["field"]
        pairs = [
            (float(scores_a[sample][field]), float(scores_b[sample][field]), cluster)
            for sample, cluster in cluster_of.items()
            if scores_a[sample].get(field) is not None and scores_b[sample].get(field) is not None
        ]
        if pairs:
            rows[name] = _row(described, pairs, config)
    tested = {name: float(row["p_value"]) for name, row in rows.items() if row["p_value"] is not None}
    p_values = list(tested.values())
    for name, by_holm, by_bh in zip(tested, holm(p_values), benjamini_hochberg(p_values), strict=True):
        rows[name] |= {"p_value_holm": by_holm, "p_value_bh": by_bh}
    return rows


def _row(described: dict[str, Any], pairs: list[tuple[float, float, str]], config: EvaluateConfig) -> dict[str, Any]:
    values_a, values_b, clusters = [list(column) for column in zip(*pairs, strict=True)]
    found = compare_paired(
        values_a,
        values_b,
        clusters,
        is_proportion=described["kind"] == "proportion",
        level=round(1 - config.confidence, 12),
        num_resamples=config.num_resamples,
        seed=config.seed,
    )
    tests = {test.name: test for test in found.secondary}
    told = found.to_record()
    return {
        "label": described["label"],
        "kind": described["kind"],
        "a_mean": found.mean_a,
        "b_mean": found.mean_b,
        "difference": found.difference,
        "ci_low": found.interval.low,
        "ci_high": found.interval.high,
        "confidence": config.confidence,
        "interval_method": found.interval.method,
        "p_value": found.primary.p_value,
        "test": found.primary_method,
        "num_pairs": found.num_pairs,
        "num_clusters": found.num_clusters,
        "p_value_holm": None,
        "p_value_bh": None,
        "mcnemar_p": tests["exact McNemar"].p_value if "exact McNemar" in tests else None,
        "effect_size": found.cohens_d,
        "cliffs_delta": found.cliffs_delta,
        "detectable_difference": found.power.detectable_difference,
        "power": told["power"],
        "other_tests": told["secondary"],
        "premises": told["premises"],
        "num_better": found.num_better,
        "num_worse": found.num_worse,
    }
