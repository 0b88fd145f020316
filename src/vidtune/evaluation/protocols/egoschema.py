"""EgoSchema: accuracy on the public 500, and the answers that the server takes."""

from __future__ import annotations

from collections.abc import Sequence

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._protocol import ScoringProtocol, Submission
from vidtune.metrics import extract_choice


def _answers(predictions: Sequence[Prediction]) -> str:
    """Return ``q_uid,answer``, the number of the chosen option; -1 where none can be told."""
    lines = ["q_uid,answer"]
    for one in predictions:
        index = extract_choice(one.text or "", one.options).index if one.options else None
        lines.append(f"{one.video},{-1 if index is None else index}")
    return "\n".join(lines) + "\n"


PROTOCOL = ScoringProtocol(
    label="EgoSchema",
    metrics=("choice_accuracy",),
    corpus=("calibration",),
    submission=Submission("egoschema_submission.csv", _answers),
)
