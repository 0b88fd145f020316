"""Predictions about the benchmark fixtures, as `vidtune predict` writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.data import Sample, read_dataset

FIXTURES = Path(__file__).parent.parent / "data" / "benchmarks"


def record_of(sample: Sample, prediction: str, **more: Any) -> dict[str, Any]:
    """Return the record of an answered sample."""
    return {
        "sample_id": sample.sample_id,
        "video": sample.video,
        "subject": sample.subject,
        "label": sample.label,
        "split": sample.split,
        "question": sample.question,
        "answer": sample.answer if sample.is_answered else None,
        "status": "ok",
        "prediction": prediction,
        "mean_logprob": -0.2,
        "meta": dict(sample.meta),
        **more,
    }


def write_answers(
    folder: Path, name: str, answer: Callable[[Sample], str] = lambda sample: sample.answer, format: str = "auto"
) -> RunDirectory:
    """Write predictions about a fixture, right ones unless ``answer`` says otherwise."""
    run = RunDirectory(folder)
    with RecordLog(run.predictions) as log:
        samples = read_dataset(FIXTURES / name, format=format).samples
        log.append_many([record_of(sample, answer(sample)) for sample in samples])
    return run
