"""What of a run is not there: predictions never made, scores never summed up."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.reports._records import read_records


def num_expected(environment: Mapping[str, Any]) -> int | None:
    """Return how many samples the run was asked for; None where nothing says it."""
    found = environment.get("num_expected")
    return found if isinstance(found, int) else None


def describe_unfinished(num_predicted: int, expected: int | None) -> str:
    """Return how much of a run is there when that is not all of it; else nothing."""
    if expected is None or num_predicted >= expected:
        return ""
    return f"{num_predicted:,} of {expected:,} samples predicted"


def metrics_of_stopped(run: RunDirectory) -> dict[str, Any]:
    """Return metrics without a single mean, for a run that was not scored or whose scoring was stopped."""
    records = read_records(run.predictions)
    errors = Counter(record["error"]["code"] for record in records if not record["is_ok"])
    return {
        "schema": 1,
        "predictions": run.predictions.name,
        "predictions_sha256": sha256_file(run.predictions),
        "num_samples": len(records),
        "num_scored": 0,
        "num_errors": sum(errors.values()),
        "errors_by_code": dict(errors),
        "cluster": "sample",
        "num_clusters": len(records),
        "pack": None,
        "metrics": {},
        "per_class": [],
        "confusion": None,
        "timing": {},
        "trust": [],
        "verdict": {"headline": f"Not scored: {_why_unscored(run)}.", "sentences": []},
    }


def _why_unscored(run: RunDirectory) -> str:
    return "scoring was stopped before its end" if run.scores.exists() else "scoring never ended, or was never begun"


def find_missing(
    run: RunDirectory,
    predictions: Path,
    metrics: Mapping[str, Any],
    environment: Mapping[str, Any],
    scores: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Return what should be there and is not, in sentences for the first screen."""
    sentences = []
    if sha256_file(predictions) != metrics["predictions_sha256"]:
        sentences.append(
            f"The predictions changed after they were scored ({metrics['num_samples']} then, {len(scores)} now): "
            f"run `vidtune evaluate {run.name}` again. Every mean here is of the {metrics['num_samples']}."
        )
    elif not run.metrics.exists():
        sentences.append(
            f"{_why_unscored(run).capitalize()}: no mean, interval or trust check is known. "
            f"Run `vidtune evaluate {run.name}`{' again' if run.scores.exists() else ''}."
        )
    elif not _are_summed_up(metrics, scores):
        sentences.append(
            f"The scores of the samples are newer than their means: scoring was stopped. "
            f"Run `vidtune evaluate {run.name}` again."
        )
    num_unscored = sum(not one for one in scores) - metrics.get("num_kept_back", 0)
    if num_unscored:
        sentences.append(f"{num_unscored} of {len(scores)} predictions have no scores yet.")
    part = describe_unfinished(len(scores), num_expected(environment))
    # Runs that did not note what they were asked for: prediction writes this file last of all.
    was_ours = predictions == run.predictions and "inputs" in environment and "num_expected" not in environment
    if was_ours and not run.predictions_compat.exists():
        part = f"Prediction was stopped after {len(scores)} samples"
    if part:
        sentences.append(
            f"{part}: what is here is a part, not the whole data set. "
            "Give the same `vidtune predict` command again to go on where it stopped, then evaluate."
        )
    if predictions == run.predictions and not run.recipe.exists():
        sentences.append("There is no recipe beside the predictions: how they were made is not known.")
    return sentences


def _are_summed_up(metrics: Mapping[str, Any], scores: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the means are those of the scores that are there."""
    for summary in metrics["metrics"].values():
        values = [float(one[summary["field"]]) for one in scores if one.get(summary["field"]) is not None]
        if values and abs(statistics.fmean(values) - summary["mean"]) > 1e-9:
            return False
    return True
