"""Video-MME: accuracy over all questions, by length, task and domain; the official submission file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._protocol import ScoringProtocol, Submission
from vidtune.metrics import LETTERS


def _videos(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Return the official form: one record a video, its questions inside, the model's own words as the response."""
    videos: dict[str, dict[str, Any]] = {}
    for one in predictions:
        official = one.meta.get("official") or {}
        name = str(official.get("video_id") or one.video)
        video = videos.setdefault(
            name,
            {
                "video_id": name,
                "duration": one.meta.get("duration_group"),
                "domain": one.meta.get("domain"),
                "sub_category": official.get("sub_category"),
                "questions": [],
            },
        )
        correct = one.meta.get("correct_option")
        video["questions"].append(
            {
                "question_id": one.sample_id,
                "task_type": one.meta.get("question_type"),
                "question": one.meta.get("question_text"),
                "options": [f"{letter}. {option}" for letter, option in zip(LETTERS, one.options, strict=False)],
                "answer": LETTERS[correct] if isinstance(correct, int) else None,
                "response": one.text or "",
            }
        )
    return list(videos.values())


PROTOCOL = ScoringProtocol(
    label="Video-MME",
    metrics=("choice_accuracy",),
    corpus=("calibration",),
    groups=("duration_group", "domain", "question_type"),
    submission=Submission("video_mme_submission.json", _videos),
)
