"""Scoring one file of predictions: sample scores, aggregated metrics, trust checks and verdict, written beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vidtune.core.durable import RecordLog, write_atomic, write_json
from vidtune.core.progress import Progress, silent
from vidtune.data import NearCopies, require_answers
from vidtune.evaluation._aggregate import (
    choose_clusters,
    group_block,
    metric_row,
    timing_block,
)
from vidtune.evaluation._agreement import agreement_block
from vidtune.evaluation._classes import classification_block
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._corpus import corpus_block
from vidtune.evaluation._evidence import Evidence
from vidtune.evaluation._frames_seen import frames_block
from vidtune.evaluation._look import look_for_copies
from vidtune.evaluation._nearest import nearest_answers
from vidtune.evaluation._predictions import Prediction, PredictionFile, read_predictions
from vidtune.evaluation._priors import Baseline, blind_prior, nearest_training, per_exercise_majority
from vidtune.evaluation._probe_file import read_probe
from vidtune.evaluation._protocol import ScoringProtocol, find_protocol
from vidtune.evaluation._reference import ReferenceSet, find_pack, find_reference
from vidtune.evaluation._scorer import SampleMetric, Score, ScoringContext, metrics_named
from vidtune.evaluation._settings import scored_with
from vidtune.evaluation._setup import setup_block
from vidtune.evaluation._slices import always_answered_alike, single_answer_block
from vidtune.evaluation._trust import run_checks
from vidtune.evaluation._undisturbed import without_garbage_collection
from vidtune.evaluation._verdict import write_verdict
from vidtune.evaluation.scorers.exercise_identification import true_exercise
from vidtune.metrics import collect_wordings, derive_catalogue

SCHEMA = 1
_OF_VARIED = (
    "mean",
    "ci_low",
    "ci_high",
    "confidence",
    "interval_method",
    "num_scored",
    "num_clusters",
    "baselines",
)


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found; the contents of ``metrics.json`` and where it lies."""

    metrics_path: Path
    scores_path: Path
    metrics: dict[str, Any]
    """See ``docs/scores.md``."""

    def to_record(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return self.metrics

    def to_text(self) -> str:
        """Return verdict, table of scores and trust checks for people."""
        from vidtune.evaluation._text import result_text

        return result_text(self.metrics)


@without_garbage_collection()
def score_predictions(
    source: Path, config: EvaluateConfig | None = None, *, progress: Progress = silent
) -> EvaluationResult:
    """Score predictions and write ``scores.jsonl`` and ``metrics.json`` beside them.

    A failed sample is counted by its error code and is in no mean. Both files are replaced whole, so a
    reader sees the old result or the new one.

    Args:
        source: A run directory, a ``predictions.jsonl``, or a ``test_predictions.json`` in either
            published shape of the QVED pipeline.
        config: How to score; defaults to everything.
        progress: Told how far it is.

    Raises:
        DataInvalid: If there is nothing to score, records cannot be understood, or samples have no reference answer.
        NotInstalled: If BERT similarity is asked for and its model is not there.
    """
    config = config or EvaluateConfig()
    file = read_predictions(Path(source))
    name, protocol = find_protocol(file.predictions, config.protocol)
    _write_submission(file, protocol)
    require_answers(file.predictions, file.path, purpose="nothing can be compared with them")
    if config.similarity is not None:
        from vidtune.evaluation._similarity import write_similarity

        write_similarity(file.run, file.answered, config.similarity, progress)
    reference = find_reference(file.predictions, file.run, config.reference)
    context = make_context(file.predictions, reference, config, progress, folder=file.run.path)
    scored = _score_all(file, reference, context, config, protocol, progress)
    records = _score_records(file.predictions, scored)
    replace_log(file.run.scores, records)
    looked = look_for_copies(file.predictions, reference, file.run, config.near_copies, progress)
    rules = {
        "protocol": name,
        "vidtune": version("vidtune"),
        "bert_precision": config.bert_precision if config.with_bert else None,
    }
    metrics = _summarise(file, reference, scored, records, config, protocol, context, looked, rules) | rules
    write_json(file.run.metrics, metrics)
    return EvaluationResult(file.run.metrics, file.run.scores, metrics)


def _write_submission(file: PredictionFile, protocol: ScoringProtocol) -> None:
    """Write what the benchmark's server takes, where there is one; answers that are kept back are no hindrance."""
    if protocol.submission is None:
        return
    path = file.run.path / protocol.submission.file_name
    built = protocol.submission.build((*file.predictions, *file.kept_back))
    if isinstance(built, str):
        write_atomic(path, built)
    else:
        write_json(path, built)


def make_context(
    samples: Sequence[Prediction],
    reference: ReferenceSet,
    config: EvaluateConfig,
    progress: Progress = silent,
    *,
    folder: Path | None = None,
) -> ScoringContext:
    """Return what metrics may know: the exercises there are and the known wordings of errors."""
    known = [*samples, *reference.samples]
    catalogue = derive_catalogue(
        (sample.label for sample in known), (sample.answer for sample in known), config.aliases
    )
    wordings = collect_wordings(
        [sample.answer for sample in reference.samples],
        [sample.errors for sample in reference.samples],
        [true_exercise(sample, catalogue) for sample in reference.samples],
    )
    return ScoringContext(
        catalogue,
        wordings,
        progress,
        references=reference.samples,
        lexicon=config.lexicon,
        folder=folder,
        with_embedder=config.with_bert,
        bert_precision=config.bert_precision,
    )


@dataclass(frozen=True)
class _Scored:
    """One metric over the answered samples."""

    metric: SampleMetric
    scores: tuple[Score, ...]
    baselines: dict[str, Baseline]


def _score_all(
    file: PredictionFile,
    reference: ReferenceSet,
    context: ScoringContext,
    config: EvaluateConfig,
    protocol: ScoringProtocol,
    progress: Progress,
) -> list[_Scored]:
    answered = file.answered
    texts = [sample.text or "" for sample in answered]
    names = config.metrics or protocol.metrics
    metrics = metrics_named(names, with_bert=config.with_bert, with_added=not config.metrics)
    metrics = metrics if answered else []
    found = []
    remembered = nearest_answers(answered, reference.samples) if reference.is_training and metrics else []
    for number, metric in enumerate(metrics, start=1):
        scores = tuple(metric.compute(texts, answered, context))
        baselines: dict[str, Baseline] = {}
        if any(score.value is not None for score in scores):
            if "blind_prior" in metric.baselines:
                baselines["blind_prior"] = blind_prior(metric, answered, reference, context)
                if remembered:
                    baselines["nearest_training"] = nearest_training(metric, answered, remembered, context)
            if "per_exercise_majority" in metric.baselines:
                majority = per_exercise_majority(metric, answered, reference, context)
                baselines |= {"per_exercise_majority": majority} if majority else {}
        found.append(_Scored(metric, scores, baselines))
        progress("score", number, len(metrics), metric.label)
    return found


def _score_records(predictions: Sequence[Prediction], scored: Sequence[_Scored]) -> list[dict[str, Any]]:
    answered = iter(range(sum(prediction.is_ok for prediction in predictions)))
    records = []
    for prediction in predictions:
        record: dict[str, Any] = {
            "sample_id": prediction.sample_id,
            "status": "ok" if prediction.is_ok else "error",
            "error_code": prediction.error_code,
            "subject": prediction.subject,
            "video": prediction.video,
            "label": prediction.label,
        }
        index = next(answered) if prediction.is_ok else None
        for one in scored:
            record.setdefault(one.metric.field, None)
            if index is not None:
                record.update(one.scores[index].fields)
        records.append(record)
    return records


def replace_log(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write records so that a reader sees the old ones or the new ones."""
    staged = path.with_name(f".{path.name}.part")
    staged.unlink(missing_ok=True)
    with RecordLog(staged) as log:
        log.append_many(records)
    staged.replace(path)


def _summarise(
    file: PredictionFile,
    reference: ReferenceSet,
    scored: Sequence[_Scored],
    records: Sequence[dict[str, Any]],
    config: EvaluateConfig,
    protocol: ScoringProtocol,
    context: ScoringContext,
    looked: tuple[NearCopies | None, str],
    rules: dict[str, str | None],
) -> dict[str, Any]:
    answered = file.answered
    cluster, clusters = choose_clusters(answered or file.predictions)
    rows = {}
    is_alike = always_answered_alike(answered)
    for one in scored:
        row = metric_row(one.metric, [score.value for score in one.scores], clusters, one.baselines, config)
        if row is not None:
            rows[one.metric.name] = row | {
                "scored_with": scored_with(one.metric, context),
                "where_answers_vary": _varied_row(one, is_alike, clusters, config),
            }
    prefixes = [prefix for one in scored if (prefix := getattr(one.metric, "class_prefix", None))]
    classes = _classification(prefixes, records, answered, clusters, config)
    values = {one.metric.name: [score.value for score in one.scores] for one in scored}
    leading = next(iter(rows), None)
    corpus, curves = corpus_block(protocol.corpus, answered, clusters, context, values, config)
    num_clusters = len(set(clusters))
    probe = read_probe(file.run)
    evidence = Evidence(
        file.predictions,
        reference,
        cluster,
        num_clusters,
        rows,
        tuple(records),
        num_expected=file.num_expected,
        predictions_sha256=file.sha256,
        probe=probe,
        near_copies=looked[0],
        not_looked=looked[1],
        catalogue=context.catalogue,
    )
    pack = find_pack(file.run)
    frames = frames_block(answered)
    metrics: dict[str, Any] = {
        "schema": SCHEMA,
        "predictions": file.path.name,
        "predictions_sha256": file.sha256,
        "num_expected": file.num_expected,
        "num_samples": len(file.predictions),
        "num_kept_back": len(file.kept_back),
        "num_scored": len(answered),
        "num_errors": len(file.predictions) - len(answered),
        "num_unparsed": _count_unparsed(records),
        "num_truncated": sum(one.record.get("finish_reason") == "length" for one in answered),
        "errors_by_code": dict(Counter(str(one.error_code) for one in file.predictions if not one.is_ok).most_common()),
        "cluster": cluster,
        "num_clusters": num_clusters,
        "pack": pack,
        "reference": {"is_training": reference.is_training, "description": reference.description},
        "metrics": rows,
        "corpus": corpus,
        "curves": curves,
        "groups": group_block(protocol.groups, answered, values[leading], clusters, rows[leading], config)
        if leading
        else [],
        "single_answer": single_answer_block(answered, values[leading]) if leading else [],
        "agreement": agreement_block(rows, records),
        "per_class": classes.get("exercise", {}).get("per_class", []),
        "confusion": classes.get("exercise", {}).get("confusion"),
        "classification": classes,
        "setup": setup_block(file.run, answered, frames, [*rows.values(), *corpus.values()], rules),
        "frames": frames,
        "timing": timing_block(answered, clusters[: len(answered)], config),
        "probe": probe if probe is not None and probe["predictions_sha256"] == file.sha256 else None,
        "trust": run_checks(evidence),
    }
    num_questions = len({prediction.question for prediction in file.predictions})
    headline = protocol.headline or tuple(rows)
    metrics["verdict"] = write_verdict(metrics, num_questions=num_questions, pack=pack, headline=headline)
    return metrics


def _varied_row(
    one: _Scored, is_alike: Sequence[bool], clusters: Sequence[str], config: EvaluateConfig
) -> dict[str, Any] | None:
    """Return the part of a metric's row that is of samples whose answers vary; None where that is all or none."""
    if not any(is_alike) or all(is_alike):
        return None
    values = [None if alike else score.value for alike, score in zip(is_alike, one.scores, strict=True)]
    row = metric_row(one.metric, values, clusters, one.baselines, config)
    return None if row is None else {name: row[name] for name in _OF_VARIED}


def _count_unparsed(records: Sequence[dict[str, Any]]) -> int | None:
    """Return how many answers could not be read as one to their question; None where nothing has to be read."""
    flags = [record["is_parsed"] for record in records if record.get("is_parsed") is not None]
    return flags.count(False) if flags else None


def _classification(
    prefixes: Sequence[str],
    records: Sequence[dict[str, Any]],
    answered: Sequence[Prediction],
    clusters: Sequence[str],
    config: EvaluateConfig,
) -> dict[str, Any]:
    cluster_of = {sample.sample_id: cluster for sample, cluster in zip(answered, clusters, strict=False)}
    blocks = {}
    for prefix in prefixes:
        kept = [record for record in records if record.get(f"{prefix}_true") is not None]
        if kept:
            truths = [record[f"{prefix}_true"] for record in kept]
            named = [record[f"{prefix}_predicted"] for record in kept]
            of_cluster = [cluster_of[record["sample_id"]] for record in kept]
            blocks[prefix] = classification_block(truths, named, of_cluster, config)
    return blocks
