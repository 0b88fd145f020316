"""Results class by class, each with its interval: rows of ``metrics.json`` under ``classification``.

Axis letters: ``n`` samples, ``c`` classes, ``b`` draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidtune.evaluation._config import EvaluateConfig
from vidtune.metrics import (
    ClassificationReport,
    Interval,
    bootstrap_totals,
    classification_report,
    mean_interval,
    percentile_interval,
)

Floats = NDArray[np.float64]


def classification_block(
    truths: Sequence[str], predictions: Sequence[str | None], clusters: Sequence[str], config: EvaluateConfig
) -> dict[str, Any]:
    """Return per-class rows, averages over classes, and the confusion matrix; every figure with its interval.

    A share of right answers is a proportion; precision, F1 and averages over classes are computed again on whole
    clusters drawn again.
    """
    report = classification_report(truths, predictions)
    drawn = _draw(report, truths, predictions, clusters, config)
    rows = []
    for place, score in enumerate(report.classes):
        if not score.num_samples:
            continue
        of_truth = [cluster for truth, cluster in zip(truths, clusters, strict=True) if truth == score.label]
        of_named = [cluster for named, cluster in zip(predictions, clusters, strict=True) if named == score.label]
        pairs = zip(truths, predictions, clusters, strict=True)
        of_either = [cluster for truth, named, cluster in pairs if score.label in (truth, named)]
        is_right = [
            float(truth == named) for truth, named in zip(truths, predictions, strict=True) if truth == score.label
        ]
        interval = _share_interval(is_right, of_truth, config)
        precision = percentile_interval(drawn.precisions_bc[:, place], of_named, confidence=config.confidence)
        f1 = percentile_interval(drawn.f1s_bc[:, place], of_either, confidence=config.confidence)
        rows.append(
            {
                "label": score.label,
                "n": score.num_samples,
                "correct": score.num_correct,
                "accuracy": score.num_correct / score.num_samples,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "interval_method": interval.method,
                "num_clusters": len(set(of_truth)),
                "precision": score.precision,
                "precision_ci_low": precision.low,
                "precision_ci_high": precision.high,
                "recall": score.recall,
                "f1": score.f1,
                "f1_ci_low": f1.low,
                "f1_ci_high": f1.high,
                "f1_interval_method": f1.method,
            }
        )
    is_right = [float(truth == named) for truth, named in zip(truths, predictions, strict=True)]
    intervals = {
        "accuracy": _share_interval(is_right, clusters, config),
        "balanced_accuracy": percentile_interval(drawn.balanced_b, clusters, confidence=config.confidence),
        "macro_f1": percentile_interval(drawn.macro_f1_b, clusters, confidence=config.confidence),
    }
    return {
        "accuracy": report.accuracy,
        "balanced_accuracy": report.balanced_accuracy,
        "macro_f1": report.macro_f1,
        "intervals": {
            name: {"ci_low": one.low, "ci_high": one.high, "confidence": one.confidence, "interval_method": one.method}
            for name, one in intervals.items()
        },
        "per_class": rows,
        "confusion": {"labels": list(report.labels), "matrix": [list(row) for row in report.confusion]},
    }


def _share_interval(is_right: Sequence[float], clusters: Sequence[str], config: EvaluateConfig) -> Interval:
    return mean_interval(
        is_right,
        clusters,
        is_proportion=True,
        confidence=config.confidence,
        num_resamples=config.num_resamples,
        seed=config.seed,
    )


@dataclass(frozen=True)
class _Drawn:
    """The same scores on clusters drawn again; NaN where a draw holds nothing of a class."""

    precisions_bc: Floats
    f1s_bc: Floats
    balanced_b: Floats
    macro_f1_b: Floats


def _draw(
    report: ClassificationReport,
    truths: Sequence[str],
    predictions: Sequence[str | None],
    clusters: Sequence[str],
    config: EvaluateConfig,
) -> _Drawn:
    labels = [score.label for score in report.classes]
    is_true = np.array([[truth == label for label in labels] for truth in truths], dtype=np.float64)
    is_named = np.array([[named == label for label in labels] for named in predictions], dtype=np.float64)
    rows_ns = np.concatenate([is_true, is_named, is_true * is_named], axis=1)
    totals_bs = bootstrap_totals(rows_ns, clusters, num_resamples=config.num_resamples, seed=config.seed)
    true_bc, named_bc, both_bc = np.split(totals_bs, 3, axis=1)
    recalls_bc, f1s_bc = _ratio(both_bc, true_bc), _ratio(2 * both_bc, true_bc + named_bc)
    return _Drawn(_ratio(both_bc, named_bc), f1s_bc, _mean_of_present(recalls_bc), _mean_of_present(f1s_bc))


def _ratio(over: Floats, under: Floats) -> Floats:
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)


def _mean_of_present(values_bc: Floats) -> Floats:
    """Return the mean (b,) over classes that occur in the draw; every draw has one."""
    is_present = np.isfinite(values_bc)
    mean_b: Floats = np.where(is_present, values_bc, 0.0).sum(axis=1) / is_present.sum(axis=1)
    return mean_b
