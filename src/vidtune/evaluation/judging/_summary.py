"""What a judging comes to: scores with intervals, what is missing and why, and whether they can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from vidtune.evaluation._aggregate import choose_clusters, describe_numbers
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation.judging._control import Finding
from vidtune.evaluation.judging._questions import Row, outcome_of
from vidtune.evaluation.judging._rubric import Rubric
from vidtune.metrics import Thresholds, mean_interval

THRESHOLDS = Thresholds(green=4.0, yellow=3.0)
"""Colours of points, as in the QVED pipeline."""


def verdict_of(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return whether a judge passed its controls: ``passed``, ``failed``, or ``unproven`` where some were not run."""
    failed = [one.name for one in findings if one.status == "failed"]
    missing = [one.name for one in findings if one.status == "not run"]
    status = "failed" if failed else "unproven" if missing else "passed"
    sentence = {
        "passed": "The judge passed all its controls.",
        "unproven": f"Not all controls could be run ({', '.join(missing)}): what the judge says is unproven.",
        "failed": f"THE JUDGE FAILED ITS CONTROLS ({', '.join(failed)}): its scores say nothing about the predictions.",
    }[status]
    return {"status": status, "failed": failed, "not_run": missing, "sentence": sentence}


def score_block(rows: Sequence[Row], predictions: Sequence[Prediction], rubric: Rubric) -> dict[str, dict[str, Any]]:
    """Return numbers and interval of each field over what could be read."""
    _, clusters = choose_clusters(predictions)
    cluster_of = {one.sample_id: cluster for one, cluster in zip(predictions, clusters, strict=True)}
    block: dict[str, dict[str, Any]] = {}
    for name, values in _values(rows, rubric).items():
        if not values:
            continue
        numbers = list(values.values())
        interval = mean_interval(numbers, [cluster_of[sample_id] for sample_id in values])
        row: dict[str, Any] = {
            **describe_numbers(numbers),
            "ci_low": interval.low,
            "ci_high": interval.high,
            "confidence": interval.confidence,
            "interval_method": interval.method,
            "num_scored": len(numbers),
            "num_clusters": len({cluster_of[sample_id] for sample_id in values}),
        }
        if rubric.kind == "single":
            row["counts"] = dict(THRESHOLDS.count(numbers))
        block[name] = row
    return block


def preference_block(rows: Sequence[Row]) -> dict[str, Any]:
    """Return wins, ties and losses against the other system, and how often the place decided."""
    outcomes = [outcome for orders in _by_sample(rows).values() if (outcome := outcome_of(orders)) is not None]
    return {
        "num_wins": sum(outcome.value > 0 for outcome in outcomes),
        "num_ties": sum(outcome.value == 0 for outcome in outcomes),
        "num_losses": sum(outcome.value < 0 for outcome in outcomes),
        "num_by_position": sum(outcome.is_by_position for outcome in outcomes),
    }


def missing_block(rows: Sequence[Row], predictions: Sequence[Prediction]) -> dict[str, int]:
    """Return why predictions have no score, by reason; no reason is ever counted as a score."""
    asked = _by_sample(rows)
    reasons = Counter()  # type: Counter[str]
    for one in predictions:
        if one.text is None:
            reasons["prediction failed"] += 1
        elif not one.answer.strip():
            reasons["no ground truth"] += 1
        elif one.sample_id not in asked:
            reasons["nothing to compare with"] += 1
        elif status := next((row["status"] for row in asked[one.sample_id].values() if row["scores"] is None), None):
            reasons[str(status)] += 1
    return dict(reasons.most_common())


def values_by_sample(rows: Sequence[Row], rubric: Rubric) -> dict[str, dict[str, float]]:
    """Return the scores of each field by sample id; samples without are left out."""
    return _values(rows, rubric)


def _values(rows: Sequence[Row], rubric: Rubric) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {name: {} for name in rubric.fields}
    for sample_id, orders in _by_sample(rows).items():
        outcome = outcome_of(orders)
        if outcome is None:
            continue
        if rubric.kind == "pair":
            found[rubric.fields[-1]][sample_id] = outcome.value
        else:
            for name, value in orders["as is"]["scores"].items():
                found[name][sample_id] = value
    return found


def _by_sample(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["sample_id"], {})[row["order"]] = row
    return found
