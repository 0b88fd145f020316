"""MLVU test: six options, macro mean over tasks, and the answers that the server takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._protocol import ScoringProtocol, Submission
from vidtune.metrics import LETTERS, extract_choice


def _answers(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Return one record a question; an option that cannot be told is left empty, which is counted wrong."""
    records = []
    for one in predictions:
        index = extract_choice(one.text or "", one.options).index if one.options else None
        option = "" if index is None else LETTERS[index]
        records.append({"question_id": one.sample_id, "question_type": one.meta.get("question_type"), "option": option})
    return records


PROTOCOL = ScoringProtocol(
    label="MLVU test",
    metrics=("choice_accuracy",),
    corpus=("macro_accuracy", "calibration"),
    groups=("question_type",),
    submission=Submission("mlvu_submission.json", _answers),
)
