"""How sure a model was, made to mean it: calibrated on a validation run, and what to leave unanswered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.core.errors import BadData, BadUsage
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction, PredictionFile, read_predictions
from vidtune.evaluation._score import replace_log, score_predictions
from vidtune.evaluation.corpus.calibration import LEADING
from vidtune.metrics import (
    Calibration,
    Calibrator,
    calibration,
    fit_isotonic,
    fit_platt,
    risk_coverage,
    threshold_for_risk,
)

SCHEMA = 1
SIGNALS = ("consistency", "token_probability", "margin", "certainty")
"""What a record may say of the model's confidence, each 0 to 1."""

_FROM_ISOTONIC = 200
"""Fewer samples than this leave an isotonic fit to chance: a logistic curve has two numbers to learn."""
_MIN_SAMPLES = 10
_MAX_POINTS = 200


class NotCalibrated(BadData):
    """A run does not say how sure its model was, or what was right."""

    code = "not_calibrated"


@dataclass(frozen=True)
class FittedConfidence:
    """What was learnt from a validation run."""

    signal: str
    calibrator: Calibrator
    judged_by: str
    """The metric that said which answers were right."""

    run: Path
    predictions_sha256: str
    samples: frozenset[tuple[str, str]]
    """Sample id and video of every sample it was learnt from."""

    threshold: float | None
    """Answer from this confidence on; None where no risk was named, or none of the thresholds reaches it."""

    before: Calibration
    """Of the signal as it is, on the validation run."""

    def confidence_of(self, record: Mapping[str, Any]) -> float | None:
        """Return the calibrated confidence of one prediction record; None where it lacks the signal."""
        found = signals_of(record).get(self.signal)
        return None if found is None else self.calibrator(found)


def signals_of(record: Mapping[str, Any]) -> dict[str, float]:
    """Return what a prediction record says of its model's confidence, each 0 to 1, more is surer.

    ``consistency``: how far several answers to the same question agree. ``token_probability``: the geometric mean
    probability of the tokens. ``margin``: mean probability of the first token over the second. ``certainty``: exp(-mean
    entropy).
    """
    found = {
        "consistency": _number(record.get("consistency")),
        "token_probability": _exp(_number(record.get("mean_logprob"))),
        "margin": _number(record.get("mean_margin")),
        "certainty": _exp(None if (entropy := _number(record.get("mean_entropy"))) is None else -entropy),
    }
    return {name: min(1.0, max(0.0, value)) for name, value in found.items() if value is not None}


def fit_confidence(
    validation: Path,
    scoring: EvaluateConfig,
    *,
    method: Literal["auto", "isotonic", "platt"] = "auto",
    max_risk: float | None = None,
) -> FittedConfidence:
    """Learn from a run with known answers how often its model is right at each confidence.

    Of the signals that all records have, the one is taken that orders right before wrong best: least area under risk
    against coverage. A run that is not scored is scored first.

    Args:
        validation: The run.
        scoring: How it is scored, where it is not.
        method: ``auto``: isotonic from 200 samples on, Platt below.
        max_risk: Also find the threshold from which on at most this share of answers is wrong.

    Raises:
        NotCalibrated: If the run has no right-or-wrong metric, no signal, or too few samples.
    """
    file = read_predictions(Path(validation))
    right, judged_by = right_answers(file, scoring)
    rows = [(signals_of(one.record), right[one.sample_id]) for one in file.answered if one.sample_id in right]
    if len(rows) < _MIN_SAMPLES:
        raise NotCalibrated(
            f"{validation} has {len(rows)} answers that are known to be right or wrong; {_MIN_SAMPLES} are needed.",
            "Calibrate on a larger run.",
        )
    is_right = [known for _, known in rows]
    complete = [name for name in SIGNALS if all(name in signals for signals, _ in rows)]
    if not complete:
        raise NotCalibrated(
            f"the records of {validation} do not say how sure the model was.", "Predict with this version of vidtune."
        )
    best = min(complete, key=lambda name: calibration([one[name] for one, _ in rows], is_right).area_under_risk)
    values = [signals[best] for signals, _ in rows]
    if method == "auto":
        method = "isotonic" if len(rows) >= _FROM_ISOTONIC else "platt"
    calibrator = fit_isotonic(values, is_right) if method == "isotonic" else fit_platt(values, is_right)
    threshold = None
    if max_risk is not None:
        point = threshold_for_risk(risk_coverage([calibrator(value) for value in values], is_right), max_risk)
        threshold = point.threshold if point else None
    return FittedConfidence(
        best,
        calibrator,
        judged_by,
        file.run.path,
        file.sha256,
        frozenset((one.sample_id, one.video) for one in file.predictions),
        threshold,
        calibration(values, is_right),
    )


def calibrate_confidence(
    source: Path,
    validation: Path,
    scoring: EvaluateConfig | None = None,
    *,
    method: Literal["auto", "isotonic", "platt"] = "auto",
    max_risk: float | None = None,
) -> dict[str, Any]:
    """Calibrate the confidence of a run on another over a validation set; see ``docs/judging.md``.

    Args:
        source: The run. ``confidence.jsonl`` and ``confidence.json`` are written beside its predictions.
        validation: The run to learn from. It must not share samples with the other.
        scoring: How runs are scored that are not.
        method: As ``fit_confidence``.
        max_risk: Share of wrong answers up to which to answer; None answers everything.

    Returns:
        The contents of ``confidence.json``.

    Raises:
        BadUsage, NotCalibrated: As ``fit_confidence`` and ``write_confidence``.
    """
    scoring = scoring or EvaluateConfig(with_bert=False)
    fitted = fit_confidence(validation, scoring, method=method, max_risk=max_risk)
    return write_confidence(source, fitted, scoring, max_risk)


def write_confidence(
    source: Path, fitted: FittedConfidence, scoring: EvaluateConfig, max_risk: float | None
) -> dict[str, Any]:
    """Write ``confidence.jsonl`` and ``confidence.json`` beside the predictions, and return the latter.

    Raises:
        BadUsage: If the run shares samples with the one that was learnt from: it would look better than it is.
        NotCalibrated: If no answer of it has the signal.
    """
    file = read_predictions(Path(source))
    check_apart(file, fitted)
    known = {one.sample_id: fitted.confidence_of(one.record) for one in file.answered}
    if all(value is None for value in known.values()):
        raise NotCalibrated(f"no record of {source} has the signal {fitted.signal!r}.", "Predict it the same way.")
    records = [_confidence_record(one, known.get(one.sample_id), fitted.threshold) for one in file.predictions]
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "predictions_sha256": file.sha256,
        "signal": fitted.signal,
        "calibrator": fitted.calibrator.to_record(),
        "fitted_on": str(fitted.run),
        "fitted_on_sha256": fitted.predictions_sha256,
        "judged_by": fitted.judged_by,
        "validation": _numbers(fitted.before),
        "num_samples": len(file.predictions),
        "num_without": sum(value is None for value in known.values()),
        "selective": {"max_risk": max_risk, "threshold": fitted.threshold},
        "here": None,
    }
    try:
        right, _ = right_answers(file, scoring)
    except NotCalibrated:
        right = {}
    pairs = [(one, known[one.sample_id], right[one.sample_id]) for one in file.answered if one.sample_id in right]
    pairs = [pair for pair in pairs if pair[1] is not None]
    if pairs:
        summary["here"] = _here(pairs, fitted)
    replace_log(file.run.path / "confidence.jsonl", records)
    write_json(file.run.path / "confidence.json", summary)
    return summary


def right_answers(file: PredictionFile, scoring: EvaluateConfig) -> tuple[dict[str, bool], str]:
    """Return which answers are right, by sample id, and the metric that says so; scored first where need be.

    Raises:
        NotCalibrated: If no metric of right and wrong applies.
    """
    run = file.run
    metrics = read_json(run.metrics) if run.metrics.exists() and run.scores.exists() else None
    if metrics is None or metrics.get("predictions_sha256") != file.sha256:
        metrics = score_predictions(file.path, scoring).metrics
    name = next((one for one in LEADING if one in metrics["metrics"]), None)
    if name is None:
        raise NotCalibrated(
            f"no metric of {run.path} says right or wrong.", f"Score it by one of {', '.join(LEADING)} (--metric)."
        )
    field = metrics["metrics"][name]["field"]
    values = {record["sample_id"]: record.get(field) for record in RecordLog(run.scores).read()}
    return {sample_id: bool(value) for sample_id, value in values.items() if value is not None}, name


def check_apart(file: PredictionFile, fitted: FittedConfidence) -> None:
    """Check that no sample is both learnt from and judged.

    Raises:
        BadUsage: If one is.
    """
    shared = sum((one.sample_id, one.video) in fitted.samples for one in file.predictions)
    if shared or file.sha256 == fitted.predictions_sha256:
        raise BadUsage(
            f"{shared} of {len(file.predictions)} samples of {file.run.path} are in {fitted.run} as well: confidence "
            "calibrated on the answers it is shown for looks better than it is.",
            "Calibrate on a run over the validation set.",
        )


def confidence_text(summary: Mapping[str, Any]) -> str:
    """Return the summary for people."""
    lines = [f"Confidence: {summary['signal']}, {summary['calibrator']['method']}, learnt from {summary['fitted_on']}"]
    here = summary["here"]
    if here:
        lines.append(
            f"  calibration error {here['before']['expected_error']:.3f} -> {here['after']['expected_error']:.3f}, "
            f"Brier {here['before']['brier']:.3f} -> {here['after']['brier']:.3f} (by {summary['judged_by']})"
        )
    selective = summary["selective"]
    if selective["max_risk"] is not None:
        if selective["threshold"] is None:
            lines.append(f"  no threshold kept the share of wrong answers at {selective['max_risk']:g} in validation")
        elif here:
            found = here["selective"]
            risk = "nothing" if found["risk"] is None else f"{found['risk']:.1%} of them wrong"
            lines.append(
                f"  answering from confidence {selective['threshold']:.2f} on: {found['coverage']:.1%} answered, {risk}"
                f" (asked for: at most {selective['max_risk']:.1%})"
            )
    return "\n".join(lines)


def _here(pairs: Sequence[tuple[Prediction, float | None, bool]], fitted: FittedConfidence) -> dict[str, Any]:
    plain = [signals_of(one.record)[fitted.signal] for one, _, _ in pairs]
    said, right = [value or 0.0 for _, value, _ in pairs], [known for _, _, known in pairs]
    points = risk_coverage(said, right)
    kept = [known for value, known in zip(said, right, strict=True) if value >= (fitted.threshold or 0.0)]
    return {
        "before": _numbers(calibration(plain, right)),
        "after": _numbers(calibration(said, right)),
        "risk_coverage": [asdict(point) for point in points[:: max(1, len(points) // _MAX_POINTS)]],
        "selective": {
            "coverage": len(kept) / len(right),
            "risk": 1 - sum(kept) / len(kept) if kept else None,
        },
    }


def _confidence_record(one: Prediction, confidence: float | None, threshold: float | None) -> dict[str, Any]:
    return {
        "sample_id": one.sample_id,
        "signals": signals_of(one.record) if one.is_ok else {},
        "confidence": confidence,
        "is_answered": None if threshold is None or confidence is None else confidence >= threshold,
    }


def _numbers(found: Calibration) -> dict[str, float]:
    return {"expected_error": found.expected_error, "brier": found.brier, "area_under_risk": found.area_under_risk}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _exp(value: float | None) -> float | None:
    return None if value is None else math.exp(min(0.0, value))
