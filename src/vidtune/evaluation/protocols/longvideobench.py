"""LongVideoBench: accuracy over all questions, by length and by category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._protocol import ScoringProtocol, Submission
from vidtune.metrics import extract_choice


def _answers(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Return the number of the chosen option by question; -1 where none can be told, which the server counts wrong."""
    chosen = {one.sample_id: extract_choice(one.text or "", one.options).index for one in predictions if one.options}
    return {sample_id: -1 if index is None else index for sample_id, index in chosen.items()}


PROTOCOL = ScoringProtocol(
    label="LongVideoBench",
    metrics=("choice_accuracy",),
    corpus=("calibration",),
    groups=("duration_group", "question_type"),
    submission=Submission("longvideobench_submission.json", _answers),
)
