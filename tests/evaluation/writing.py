"""Runs written by hand: a few exercises, people and errors, answered as a test asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory

QUESTION = "Please evaluate the exercise form shown."
WORDINGS = {
    ("squats", "none"): "good depth and an upright chest",
    ("squats", "knee_valgus"): "knees are caving inwards, push them out",
    ("pushups", "none"): "a straight line from head to heels",
    ("pushups", "hips_sagging"): "the hips are sagging, tighten your core",
    ("cat-cow pose", "none"): "smooth and through the full range",
    ("cat-cow pose", "incomplete_range"): "the back barely moves, arch it further",
}


def make_record(
    number: int, *, num_subjects: int = 12, prediction: str | None = None, **changes: Any
) -> dict[str, Any]:
    """Return the record of sample ``number``, answered rightly unless ``prediction`` says otherwise."""
    exercise, error = sorted(WORDINGS)[number % len(WORDINGS)]
    answer = f"{exercise} - {WORDINGS[exercise, error]}"
    record = {
        "sample_id": f"clip{number:03}",
        "video": f"{exercise}/{number:08}.mp4",
        "subject": f"s{(number // len(WORDINGS)) % num_subjects:02}",
        "label": exercise,
        "split": "test",
        "question": QUESTION,
        "answer": answer,
        "status": "ok",
        "prediction": answer if prediction is None else prediction,
        "error": None,
        "frames": {"requested": 8, "delivered": 8, "padded": 0, "coverage": 1.0},
        "num_new_tokens": 12,
        "finish_reason": "stop",
        "timings_s": {"read": 0.01, "preprocess": 0.01, "generate": 0.1, "total": 0.12},
        "meta": {"errors": [] if error == "none" else [error]},
    }
    return record | changes


def fail(record: dict[str, Any], code: str) -> dict[str, Any]:
    """Return ``record`` as it looks when its sample failed."""
    error = {"code": code, "problem": "It did not work.", "remedy": ""}
    return record | {"status": "error", "prediction": None, "error": error, "frames": None, "finish_reason": None}


def write_run(folder: Path, records: list[dict[str, Any]]) -> RunDirectory:
    """Write ``records`` as the predictions of a run."""
    run = RunDirectory(folder)
    with RecordLog(run.predictions) as log:
        log.append_many(records)
    return run
