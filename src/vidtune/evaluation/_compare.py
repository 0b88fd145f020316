"""Two runs on the same samples, in pairs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.core.errors import DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation._aggregate import choose_clusters
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction, PredictionFile, describe_unfinished, read_predictions
from vidtune.metrics import (
    PairedDifference,
    cohens_d,
    detectable_difference,
    holm,
    mcnemar,
    paired_difference,
    smallest_p_value,
)

_ALPHA = 0.05


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
        DataInvalid: If a run is not scored, they share no samples, or the same ids stand for other answers.
    """
    config = config or EvaluateConfig()
    file_a, file_b = _read_current(run_a), _read_current(run_b)
    predictions_a = {one.sample_id: one for one in file_a.predictions}
    predictions_b = {one.sample_id: one for one in file_b.predictions}
    shared = [name for name in predictions_b if name in predictions_a]
    _check_same_samples(run_a, run_b, predictions_a, predictions_b, shared)
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
    record["verdict"] = _verdict(record, _describe_unfinished(run_a, file_a) + _describe_unfinished(run_b, file_b))
    path = run_b.comparison
    write_json(path, record)
    return Comparison(path, record)


def _read_current(run: RunDirectory) -> PredictionFile:
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


def _describe_unfinished(run: RunDirectory, file: PredictionFile) -> list[str]:
    told = describe_unfinished(len(file.predictions), file.num_expected)
    return [f"{run.name} is unfinished: {told}."] if told else []


def _check_same_samples(
    run_a: RunDirectory,
    run_b: RunDirectory,
    predictions_a: dict[str, Prediction],
    predictions_b: dict[str, Prediction],
    shared: list[str],
) -> None:
    differing = [name for name in shared if predictions_a[name].answer != predictions_b[name].answer]
    if differing:
        raise DataInvalid(
            f"{len(differing)} samples of {run_a.path} and {run_b.path} have the same id and different "
            f"true answers, e.g. {differing[0]}.",
            "Compare runs over the same data.",
        )


def _compare_metrics(
    run_a: RunDirectory, run_b: RunDirectory, cluster_of: dict[str, str], config: EvaluateConfig
) -> dict[str, Any]:
    described_a, described_b = read_json(run_a.metrics)["metrics"], read_json(run_b.metrics)["metrics"]
    scores_a = {record["sample_id"]: record for record in RecordLog(run_a.scores).read()}
    scores_b = {record["sample_id"]: record for record in RecordLog(run_b.scores).read()}
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
    for name, corrected in zip(tested, holm(list(tested.values())), strict=True):
        rows[name]["p_value_holm"] = corrected
    return rows


def _row(described: dict[str, Any], pairs: list[tuple[float, float, str]], config: EvaluateConfig) -> dict[str, Any]:
    values_a, values_b, clusters = [list(column) for column in zip(*pairs, strict=True)]
    found: PairedDifference = paired_difference(
        values_a,
        values_b,
        clusters,
        confidence=config.confidence,
        num_resamples=config.num_resamples,
        seed=config.seed,
    )
    by_cluster: dict[str, list[float]] = {}
    for first, second, cluster in pairs:
        by_cluster.setdefault(cluster, []).append(second - first)
    means_k = [statistics.fmean(values) for values in by_cluster.values()]
    return {
        "label": described["label"],
        "kind": described["kind"],
        "a_mean": statistics.fmean(values_a),
        "b_mean": statistics.fmean(values_b),
        "difference": found.difference,
        "ci_low": found.interval.low,
        "ci_high": found.interval.high,
        "confidence": found.interval.confidence,
        "interval_method": found.interval.method,
        "p_value": found.p_value,
        "test": found.test,
        "num_pairs": found.num_pairs,
        "num_clusters": found.num_clusters,
        "p_value_holm": None,
        "mcnemar_p": _mcnemar(described, values_a, values_b, clusters),
        "effect_size": cohens_d(means_k),
        "detectable_difference": detectable_difference(means_k),
        "num_better": sum(second > first for first, second, _ in pairs),
        "num_worse": sum(second < first for first, second, _ in pairs),
    }


def _mcnemar(
    described: dict[str, Any], values_a: list[float], values_b: list[float], clusters: list[str]
) -> float | None:
    """Return McNemar's p-value where its premise holds: right or wrong of samples that stand alone."""
    if described["kind"] != "proportion" or len(set(clusters)) < len(clusters):
        return None
    only_a = sum(first > second for first, second in zip(values_a, values_b, strict=True))
    only_b = sum(second > first for first, second in zip(values_a, values_b, strict=True))
    return mcnemar(only_a, only_b)


def _verdict(record: dict[str, Any], unfinished: list[str]) -> dict[str, Any]:
    rows = [row for name, row in record["metrics"].items() if not name.endswith("_compat")]
    if not rows:
        return {"headline": "The runs share no metric: there is nothing to compare.", "sentences": []}
    lead = rows[0]
    sentences = [*unfinished, _describe_pairs(record), *(_describe_row(record, row) for row in rows)]
    if record["num_clusters"] < 6:
        floor = smallest_p_value(record["num_clusters"]) if record["num_clusters"] > 1 else 1.0
        sentences.append(
            f"With {_units(record)} no test can go below p = {floor:.3g}; read the intervals, and collect more."
        )
    if len(rows) > 1:
        sentences.append(
            f"{len(rows)} metrics were tested without correction for their number: one may differ by chance."
        )
    headline = " ".join([*unfinished, f"{lead['label']}: {_outcome(record, lead)}."])
    return {"headline": headline, "sentences": sentences}


def _describe_pairs(record: dict[str, Any]) -> str:
    left_out = []
    if record["num_errors_a"] or record["num_errors_b"]:
        left_out.append(f"{record['num_errors_a']} failed in A and {record['num_errors_b']} in B")
    if record["num_only_a"] or record["num_only_b"]:
        left_out.append(f"{record['num_only_a']} are only in A and {record['num_only_b']} only in B")
    rest = f" Left out: {'; '.join(left_out)}." if left_out else ""
    return f"{record['num_paired']:,} samples were answered by both, from {_units(record)}.{rest}"


def _units(record: dict[str, Any]) -> str:
    """Return how many independent ones there are: people, videos or samples."""
    if record["cluster"] == "subject":
        return "1 person" if record["num_clusters"] == 1 else f"{record['num_clusters']:,} people"
    return f"{record['num_clusters']:,} {record['cluster']}{'s' * (record['num_clusters'] != 1)}"


def _describe_row(record: dict[str, Any], row: dict[str, Any]) -> str:
    p_value = "" if row["p_value"] is None else f", p = {row['p_value']:.3g} ({row['test']})"
    return (
        f"{row['label']}: {_outcome(record, row)}{p_value}; better on {row['num_better']}, worse on {row['num_worse']}."
    )


def _outcome(record: dict[str, Any], row: dict[str, Any]) -> str:
    change = f"{record['b']} {_number(row, row['b_mean'])}, {record['a']} {_number(row, row['a_mean'])}"
    size = _number(row, abs(row["difference"]), signed=True).lstrip("+")
    moved = f"{change}; {record['b']} is {'higher' if row['difference'] > 0 else 'lower'} by {size}"
    if row["difference"] == 0:
        return f"{change}; no difference"
    if row["ci_low"] is None:
        return f"{moved} (no interval: {row['interval_method'].removeprefix('none: ')})"
    low, high = (_number(row, row[key], signed=True) for key in ("ci_low", "ci_high"))
    bounds = f"{low.removesuffix(' points')} to {high}"
    interval = f"{100 * row['confidence']:g} % interval of the difference {bounds}"
    if row["ci_low"] <= 0 <= row["ci_high"]:
        return f"{change}; no clear difference, in either direction ({interval})"
    return f"{moved} ({interval})"


def _number(row: dict[str, Any], value: float, *, signed: bool = False) -> str:
    if row["kind"] == "proportion":
        return f"{100 * value:+.1f} points" if signed else f"{100 * value:.1f} %"
    return f"{value:+.3f}" if signed else f"{value:.3f}"
