"""From scores of samples to the rows of ``metrics.json``."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._priors import Baseline
from vidtune.evaluation._scorer import SampleMetric
from vidtune.metrics import mean_interval, paired_difference

_ALPHA = 0.05

ClusterKind = Literal["subject", "video", "sample"]


def choose_clusters(samples: Sequence[Prediction]) -> tuple[ClusterKind, list[str]]:
    """Return what makes samples depend on each other, and of each sample which cluster it is in.

    The subject where every sample names one; else the video where every sample names one; else
    each sample stands alone.
    """
    if samples and all(sample.subject for sample in samples):
        return "subject", [str(sample.subject) for sample in samples]
    if samples and all(sample.video for sample in samples):
        return "video", [sample.video for sample in samples]
    return "sample", [sample.sample_id for sample in samples]


def describe_numbers(values: Sequence[float]) -> dict[str, float]:
    """Return mean, median, standard deviation (of the sample), minimum and maximum."""
    return {
        "mean": statistics.fmean(values),
        "median": statistics.median(values),
        "std": statistics.stdev(values) if len(values) > 1 else 0.0,
        "min": min(values),
        "max": max(values),
    }


def metric_row(
    metric: SampleMetric,
    values: Sequence[float | None],
    clusters: Sequence[str],
    baselines: dict[str, Baseline],
    config: EvaluateConfig,
) -> dict[str, Any] | None:
    """Return the row of one metric, or None if it applies to no sample."""
    kept = [index for index, value in enumerate(values) if value is not None]
    if not kept:
        return None
    scored = [float(values[index] or 0.0) for index in kept]
    of_cluster = [clusters[index] for index in kept]
    settings: dict[str, Any] = {
        "confidence": config.confidence,
        "num_resamples": config.num_resamples,
        "seed": config.seed,
    }
    interval = mean_interval(scored, of_cluster, is_proportion=metric.kind == "proportion", **settings)
    row: dict[str, Any] = {
        "label": metric.label,
        "kind": metric.kind,
        "judges_content": getattr(metric, "judges_content", metric.kind == "proportion"),
        "field": metric.field,
        **describe_numbers(scored),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "confidence": interval.confidence,
        "interval_method": interval.method,
        "num_scored": len(scored),
        "num_clusters": len(set(of_cluster)),
        "thresholds": None,
        "counts": None,
        "baselines": {},
    }
    if metric.thresholds is not None:
        row["thresholds"] = {"green": metric.thresholds.green, "yellow": metric.thresholds.yellow}
        row["counts"] = metric.thresholds.count(scored)
    for name, baseline in baselines.items():
        pairs = [(float(baseline.values[index] or 0.0), values[index]) for index in kept]
        base, own = [pair[0] for pair in pairs], [float(pair[1] or 0.0) for pair in pairs]
        gain = paired_difference(base, own, of_cluster, **settings)
        own_interval = mean_interval(base, of_cluster, is_proportion=metric.kind == "proportion", **settings)
        row["baselines"][name] = {
            "mean": statistics.fmean(base),
            "mean_ci_low": own_interval.low,
            "mean_ci_high": own_interval.high,
            "mean_interval_method": own_interval.method,
            "description": baseline.description,
            "difference": gain.difference,
            "ci_low": gain.interval.low,
            "ci_high": gain.interval.high,
            "p_value": gain.p_value,
        }
    return row


def group_block(
    keys: Sequence[str],
    samples: Sequence[Prediction],
    values: Sequence[float | None],
    clusters: Sequence[str],
    row: Mapping[str, Any],
    config: EvaluateConfig,
) -> list[dict[str, Any]]:
    """Return the leading metric told apart by what the data says of its samples.

    Args:
        keys: Of a sample's meta, e.g. ``question_type``; a key that no sample has is left out.
        samples: The answered ones.
        values: Of the metric, one a sample; None where it does not apply.
        clusters: Of each sample.
        row: The metric's row.
        config: Confidence, resamples and seed.
    """
    block = []
    for key in keys:
        members: dict[str, list[int]] = {}
        for index, sample in enumerate(samples):
            if sample.meta.get(key) is not None and values[index] is not None:
                members.setdefault(str(sample.meta[key]), []).append(index)
        for name in sorted(members):
            found = [float(values[index] or 0.0) for index in members[name]]
            interval = mean_interval(
                found,
                [clusters[index] for index in members[name]],
                is_proportion=row["kind"] == "proportion",
                confidence=config.confidence,
                num_resamples=config.num_resamples,
                seed=config.seed,
            )
            answers = Counter(samples[index].short_answers[0].strip().lower() for index in members[name])
            block.append(
                {
                    "by": key,
                    "group": name,
                    "metric": row["label"],
                    "mean": statistics.fmean(found),
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "confidence": interval.confidence,
                    "interval_method": interval.method,
                    "num_scored": len(found),
                    "num_clusters": len({clusters[index] for index in members[name]}),
                    "is_single_answer": len(answers) == 1,
                }
            )
    return block


def is_clearly_above(baseline: Mapping[str, Any]) -> bool:
    """Return whether a row of ``baselines`` shows a gain that chance does not explain.

    By its interval, or by its test where all clusters gain exactly the same and there is no interval.
    """
    if baseline["ci_low"] is not None:
        return bool(baseline["ci_low"] > 0)
    return bool(baseline["difference"] > 0 and baseline["p_value"] is not None and baseline["p_value"] <= _ALPHA)


def timing_block(samples: Sequence[Prediction], clusters: Sequence[str], config: EvaluateConfig) -> dict[str, Any]:
    """Return seconds per stage and new tokens per second; None for what was not recorded.

    Tokens per second count new tokens only, over the time of generation.
    """
    timings = [sample.record.get("timings_s") or {} for sample in samples]
    tokens = [sample.record.get("num_new_tokens") for sample in samples]
    series: dict[str, list[float | None]] = {
        f"{stage}_s": [_number(timing.get(stage)) for timing in timings]
        for stage in ("read", "preprocess", "generate", "total")
    }
    series["tokens_per_s"] = [
        count / seconds
        if (count := _number(number)) is not None and (seconds := _number(timing.get("generate")))
        else None
        for number, timing in zip(tokens, timings, strict=True)
    ]
    return {name: _describe_series(values, clusters, config) for name, values in series.items()}


def _describe_series(
    values: Sequence[float | None], clusters: Sequence[str], config: EvaluateConfig
) -> dict[str, Any] | None:
    kept = [(value, cluster) for value, cluster in zip(values, clusters, strict=True) if value is not None]
    if not kept:
        return None
    found = [value for value, _ in kept]
    interval = mean_interval(
        found,
        [cluster for _, cluster in kept],
        confidence=config.confidence,
        num_resamples=config.num_resamples,
        seed=config.seed,
    )
    bounds = {"ci_low": interval.low, "ci_high": interval.high, "interval_method": interval.method}
    return {**describe_numbers(found), **bounds}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
