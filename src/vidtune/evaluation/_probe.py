"""Does it use the video? Answers to the real video against answers under conditions, in pairs, by the same scorers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.core.durable import write_json
from vidtune.core.errors import DataInvalid
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import require_answers
from vidtune.evaluation._aggregate import choose_clusters
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction, PredictionFile, read_predictions
from vidtune.evaluation._probe_file import SCHEMA, VIDEO
from vidtune.evaluation._probe_words import describe_row, probe_text, probe_verdict
from vidtune.evaluation._protocol import find_protocol
from vidtune.evaluation._reference import find_reference
from vidtune.evaluation._score import make_context
from vidtune.evaluation._scorer import SampleMetric, ScoringContext, metrics_named
from vidtune.metrics import holm, paired_difference

if TYPE_CHECKING:
    from vidtune.inference import ConditionRun, ProbedRun


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found; the contents of ``probes/<probe>.json`` and where it lies."""

    path: Path
    record: dict[str, Any]
    """See ``docs/scores.md``."""

    def to_text(self) -> str:
        """Return verdict and table for people."""
        return probe_text(self.record)


def score_probe(
    run: RunDirectory, probed: ProbedRun, config: EvaluateConfig | None = None, *, progress: Progress = silent
) -> ProbeResult:
    """Score the answers under each condition like those of the run, and write ``probes/video.json``.

    Only samples that both answered count, paired by id. The gain is what the real video gets more than the condition.

    Args:
        run: The run with the real videos.
        probed: What was predicted under conditions.
        config: How to score.
        progress: Told how far it is.

    Raises:
        DataInvalid: If samples have no reference answer, or the run answered none of those that were probed.
    """
    config = config or EvaluateConfig()
    file = read_predictions(run.path)
    require_answers(file.predictions, file.path, purpose="nothing can be compared with them")
    name, protocol = find_protocol(file.predictions, config.protocol)
    context = make_context(
        file.predictions, find_reference(file.predictions, run, config.reference), config, folder=run.path
    )
    metrics = metrics_named(config.metrics or protocol.metrics, with_bert=config.with_bert, with_added=False)
    asked = set(probed.sample_ids)
    real = [sample for sample in file.answered if sample.sample_id in asked]
    if not real:
        raise DataInvalid(
            f"{run.path} answered none of the {len(asked)} samples that were probed.",
            "Finish the run: the same `vidtune predict` command goes on with it.",
        )
    values = {metric.name: _values(metric, real, [sample.text or "" for sample in real], context) for metric in metrics}
    rows: list[dict[str, Any]] = []
    conditions = []
    for number, one in enumerate(probed.conditions, start=1):
        about, found = _compare(one, run, real, values, metrics, context, config)
        conditions.append(about)
        rows += found
        progress("score probe", number, len(probed.conditions), one.condition.label)
    _correct_for_number(rows)
    cluster, clusters = choose_clusters(real)
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "probe": VIDEO,
        "run": run.name,
        "predictions_sha256": file.sha256,
        "protocol": name,
        "num_asked": len(asked),
        "num_answered": len(real),
        "num_expected": file.num_expected,
        "cluster": cluster,
        "num_clusters": len(set(clusters)),
        "leading": _leading(rows, protocol.headline, [metric.name for metric in metrics]),
        "conditions": conditions,
        "rows": rows,
        "notes": list(probed.notes),
    }
    record["verdict"] = probe_verdict(record)
    write_json(run.probe(VIDEO), record)
    return ProbeResult(run.probe(VIDEO), record)


def _compare(
    one: ConditionRun,
    run: RunDirectory,
    real: Sequence[Prediction],
    values: Mapping[str, Mapping[str, float]],
    metrics: Sequence[SampleMetric],
    context: ScoringContext,
    config: EvaluateConfig,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what became of one condition, and a row for each metric that applies."""
    about: dict[str, Any] = {
        "condition": one.name,
        "label": one.condition.label,
        "removes": one.condition.removes,
        "status": "not_possible" if one.reason else "done",
        "reason": one.reason,
    }
    if one.reason:
        return about, []
    file = read_predictions(one.run.path)
    changed = {sample.sample_id: sample for sample in file.answered}
    pairs = [(sample, changed[sample.sample_id]) for sample in real if sample.sample_id in changed]
    about |= _counts(file, pairs, real, one.run.path.relative_to(run.path))
    if not pairs:
        return about | {"status": "not_possible", "reason": _why_no_pairs(file)}, []
    samples = [sample for sample, _ in pairs]
    of_cluster = dict(zip([sample.sample_id for sample in samples], choose_clusters(samples)[1], strict=True))
    rows = []
    for metric in metrics:
        got = _values(metric, samples, [other.text or "" for _, other in pairs], context)
        shared = [name for name in got if name in values[metric.name]]
        if shared:
            mine, theirs = [values[metric.name][name] for name in shared], [got[name] for name in shared]
            rows.append(_row(one, metric, mine, theirs, [of_cluster[name] for name in shared], config))
    return about, rows


def _counts(
    file: PredictionFile, pairs: Sequence[tuple[Prediction, Prediction]], real: Sequence[Prediction], folder: Path
) -> dict[str, Any]:
    asked = {sample.sample_id for sample in real}
    num_same = sum((mine.text or "").strip() == (other.text or "").strip() for mine, other in pairs)
    return {
        "n": len(pairs),
        "num_errors": sum(one.sample_id in asked and not one.is_ok for one in file.predictions),
        "same_answers": num_same / len(pairs) if pairs else None,
        "predictions": (folder / file.path.name).as_posix(),
        "predictions_sha256": file.sha256,
    }


def _why_no_pairs(file: PredictionFile) -> str:
    error = next((one.record.get("error") for one in file.predictions if not one.is_ok), None)
    problem = error.get("problem") if isinstance(error, Mapping) else None
    return str(problem or "no sample was answered both with the real video and under it")


def _values(
    metric: SampleMetric, samples: Sequence[Prediction], texts: Sequence[str], context: ScoringContext
) -> dict[str, float]:
    """Return the value of each sample that the metric applies to, by its id."""
    scores = metric.compute(texts, samples, context) if samples else []
    return {
        sample.sample_id: float(score.value)
        for sample, score in zip(samples, scores, strict=True)
        if score.value is not None
    }


def _row(
    one: ConditionRun,
    metric: SampleMetric,
    real: Sequence[float],
    changed: Sequence[float],
    clusters: Sequence[str],
    config: EvaluateConfig,
) -> dict[str, Any]:
    found = paired_difference(
        changed,
        real,
        clusters,
        confidence=config.confidence,
        num_resamples=config.num_resamples,
        seed=config.seed,
    )
    row: dict[str, Any] = {
        "condition": one.name,
        "label": one.condition.label,
        "metric": metric.name,
        "metric_label": metric.label,
        "kind": metric.kind,
        "n": len(real),
        "n_clusters": found.num_clusters,
        "score": statistics.fmean(changed),
        "real_score": statistics.fmean(real),
        "gain": found.difference,
        "interval": [found.interval.low, found.interval.high],
        "confidence": config.confidence,
        "interval_method": found.interval.method,
        "p_value": found.p_value,
        "p_value_holm": None,
    }
    return row | {"verdict": describe_row(row, one.condition)}


def _correct_for_number(rows: Sequence[dict[str, Any]]) -> None:
    """Correct the p-values of each metric for the number of conditions it was tested under."""
    for metric in {row["metric"] for row in rows}:
        tested = [row for row in rows if row["metric"] == metric and row["p_value"] is not None]
        for row, corrected in zip(tested, holm([float(row["p_value"]) for row in tested]), strict=True):
            row["p_value_holm"] = corrected


def _leading(rows: Sequence[Mapping[str, Any]], headline: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the metrics that the verdict speaks of: those of the protocol's headline, else the first that applies."""
    there = {row["metric"] for row in rows}
    return [name for name in headline if name in there][:2] or [name for name in names if name in there][:1]
