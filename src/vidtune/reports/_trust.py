"""What the trust checks are called for people, and the words for how they ended."""

from __future__ import annotations

from collections.abc import Mapping

CHECK_WORDS = {"ok": "fine", "warn": "careful", "fail": "problem"}
_CHECK_NAMES = {
    "blind_prior": "comparison with not looking",
    "clusters": "number of people or videos",
    "collapse": "variety of answers",
    "condition": "what the model was shown",
    "empty": "empty answers",
    "error_sentences": "messages in place of answers",
    "errors": "failed clips",
    "exercise_rules": "two rules for the exercise",
    "few_answers": "answers that stand for many",
    "finished": "how much was predicted",
    "frames": "frames seen",
    "leakage": "training data",
    "likeness": "wording against meaning",
    "nearest_training": "comparison with recalling the training data",
    "scorers": "rules of right and wrong",
    "single_class": "questions with one answer",
    "truncated": "answers cut off",
    "unparsed": "answers that choose nothing",
    "video_use": "use of the video",
}


def check_name(check: Mapping[str, str]) -> str:
    """Return what a check looks at; one that is not known here by its own name."""
    return _CHECK_NAMES.get(check["check"], check["check"].replace("_", " "))
