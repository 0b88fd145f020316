"""A scored run directory, written by hand in the schemas of the run: what the reports must be able to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vidtune.core.durable import RecordLog, write_atomic, write_json
from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory

NUM_FRAMES = 8
EXERCISES = ("squats", "cat-cow pose", "pushups")


def write_run(
    folder: Path,
    num_samples: int = 12,
    num_errors: int = 2,
    texts: Sequence[str] = ("",),
    with_strips: bool = True,
) -> RunDirectory:
    """Write a run of ``num_samples``.

    Sample ``i`` has text ``i`` in every field that a stranger could fill; what is about the whole run has them all.
    """
    run = RunDirectory(folder)
    records = [
        _record(run, number, number < num_errors, texts[number % len(texts)], with_strips)
        for number in range(num_samples)
    ]
    scores = [_scores(record, number) for number, record in enumerate(records)]
    for path, rows in ((run.predictions, records), (run.scores, scores)):
        with RecordLog(path) as log:
            log.append_many(rows)
    everything = " ".join(texts)
    write_atomic(run.recipe, f"# hash: 0\nmodel:\n  source: nano {everything}\n")
    write_json(run.environment, {"vidtune": "0.1.0", "note": everything, "inputs": {}})
    write_json(run.predictions_compat, [])
    write_json(run.metrics, _metrics(run, records, scores, everything))
    return run


def write_comparison(run: RunDirectory, baseline: RunDirectory, text: str = "") -> None:
    """Write a comparison of ``run`` with ``baseline`` into ``run``, from their scores."""
    ours, theirs = (
        {row["sample_id"]: row for row in RecordLog(one.scores).read() if row["status"] == "ok"}
        for one in (run, baseline)
    )
    rows = {}
    for name, field in (("exercise_identification", "exercise_correct"), ("bert_similarity", "bert_similarity")):
        pairs = [(float(theirs[key][field]), float(ours[key][field])) for key in ours if key in theirs]
        means = np.mean(pairs, axis=0)
        rows[name] = {
            "label": name + text,
            "a_mean": float(means[0]),
            "b_mean": float(means[1]),
            "difference": 0.5,
            "ci_low": 0.25,
            "ci_high": 0.75,
            "p_value": 0.0001,
            "num_pairs": len(pairs),
            "test": "sign flip",
        }
    record = {
        "schema": 1,
        "a": baseline.name + text,
        "b": run.name + text,
        "num_paired": len(pairs),
        "cluster": "subject",
        "metrics": rows,
        "verdict": {"headline": f"better{text}", "sentences": [f"10 samples were answered by both.{text}"]},
    }
    write_json(run.comparison, record)


def _record(run: RunDirectory, number: int, is_error: bool, text: str, with_strip: bool) -> dict:
    strip = f"strips/{number}.jpg"
    if with_strip and not is_error:
        run.strips.mkdir(parents=True, exist_ok=True)
        picture = np.full((24, 24 * NUM_FRAMES, 3), 40 + 10 * (number % 20), np.uint8)
        Image.fromarray(picture).save(run.path / strip)
    return {
        "sample_id": f"s{number}",
        "video": f"squats/{number:04}.mp4{text}",
        "subject": f"p{number % 4}{text}",
        "label": EXERCISES[number % len(EXERCISES)] + text,
        "split": "test",
        "question": f"What is wrong?{text}",
        "answer": f"squats - Knees cave in.{text}",
        "status": "error" if is_error else "ok",
        "prediction": None if is_error else f"squats - Fine.{text}",
        "error": {"code": "video_missing", "problem": f"gone{text}", "remedy": f"Fetch it.{text}"}
        if is_error
        else None,
        "frames": None
        if is_error
        else {
            "requested": NUM_FRAMES,
            "delivered": NUM_FRAMES,
            "padded": 0,
            "indices": list(range(NUM_FRAMES)),
            "times_s": [index / 4 for index in range(NUM_FRAMES)],
            "coverage": 1.0,
            "duration_s": 2.0,
            "fps": 15.0,
            "rotation_deg": 0,
            "source_sha256": "0" * 64,
        },
        "mean_logprob": -0.5,
        "finish_reason": "stop",
        "num_visual_tokens": 256,
        "strip": strip if with_strip and not is_error else None,
        "timings_s": {"read": 0.1, "preprocess": 0.1, "generate": 0.2, "total": 0.4},
        "meta": {},
    }


def _scores(record: dict, number: int) -> dict:
    is_ok = record["status"] == "ok"
    value = round(0.5 + 0.5 * math.sin(number), 6) if is_ok else None
    return {
        "sample_id": record["sample_id"],
        "status": record["status"],
        "bert_similarity": value,
        "exercise_correct": bool(number % 2) if is_ok else None,
    }


def _metrics(run: RunDirectory, records: list[dict], scores: list[dict], text: str) -> dict:
    values = np.array([row["bert_similarity"] for row in scores if row["status"] == "ok"])
    hits = np.array([row["exercise_correct"] for row in scores if row["status"] == "ok"], float)
    num_errors = len(records) - len(values)
    labels = [label + text for label in EXERCISES]
    per_class = [
        {"label": label, "n": 4, "correct": 2, "accuracy": 0.5, "ci_low": 0.1, "ci_high": 0.9} for label in labels
    ]
    confusion = {"labels": labels, "matrix": [[2, 1, 0], [0, 3, 0], [1, 0, 2]]}
    return {
        "schema": 1,
        "predictions": run.predictions.name,
        "predictions_sha256": sha256_file(run.predictions),
        "num_samples": len(records),
        "num_scored": len(values),
        "num_errors": num_errors,
        "errors_by_code": {"video_missing": num_errors},
        "cluster": "subject",
        "num_clusters": 4,
        "metrics": {
            "exercise_identification": _summary("Exercise Identification", "exercise_correct", hits, None, text),
            "bert_similarity": _summary(
                "BERT Similarity", "bert_similarity", values, {"green": 0.7, "yellow": 0.4}, text
            ),
        },
        "per_class": per_class,
        "confusion": confusion,
        "classification": {"exercise": {"per_class": per_class, "confusion": confusion}},
        "corpus": {
            "slot_error": {
                "family": f"Feedback slots{text}",
                "value": 0.5,
                "ci_low": 0.25,
                "ci_high": 0.75,
                "num_scored": 10,
            },
            "calibration_error": {
                "family": "Calibration",
                "value": 0.1,
                "ci_low": None,
                "ci_high": None,
                "num_scored": 10,
            },
        },
        "groups": [
            {
                "by": "question_type",
                "group": f"site{text}",
                "mean": 0.5,
                "ci_low": 0.25,
                "ci_high": 0.75,
                "num_scored": 10,
                "is_single_answer": False,
            }
        ],
        "pack": None,
        "timing": {"generate_s": {"mean": 0.2, "median": 0.2, "std": 0.0, "min": 0.2, "max": 0.2}},
        "trust": [{"check": "errors", "status": "warn", "message": f"{num_errors} failed.{text}"}],
        "verdict": {"headline": f"It names half of the exercises.{text}", "sentences": [f"Ten were scored.{text}"]},
    }


def _summary(label: str, field: str, values: np.ndarray, thresholds: dict | None, text: str) -> dict:
    counts = None
    if thresholds:
        green = int((values >= thresholds["green"]).sum())
        red = int((values < thresholds["yellow"]).sum())
        counts = {"green": green, "yellow": len(values) - green - red, "red": red}
    return {
        "label": label,
        "kind": "score" if thresholds else "proportion",
        "field": field,
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "min": float(values.min()),
        "max": float(values.max()),
        "ci_low": 0.2,
        "ci_high": 0.8,
        "confidence": 0.95,
        "interval_method": "bootstrap",
        "num_scored": len(values),
        "thresholds": thresholds,
        "counts": counts,
        "baselines": {"blind_prior": {"mean": 0.3, "description": f"constant answer{text}"}},
    }
