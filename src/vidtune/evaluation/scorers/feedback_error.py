"""Whether each answer names the form error that the clip shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.metrics import NO_ERROR, Thresholds


@dataclass(frozen=True)
class FeedbackError:
    """The truth is ``meta["errors"]`` of the sample; the prediction is read by ``vidtune.metrics.FeedbackWordings``.

    An answer is right when the error it names is one of the clip's, or when it finds nothing wrong
    with correct form. Feedback that resembles no known wording is wrong.
    """

    name: str = "feedback_error"
    label: str = "Form Error Identification"
    field: str = "feedback_error_correct"
    kind: Literal["score", "proportion"] = "proportion"
    thresholds: Thresholds | None = None
    class_prefix: str | None = "feedback_error"
    baselines: tuple[str, ...] = ("blind_prior", "per_exercise_majority")
    settings: tuple[str, ...] = ("catalogue", "wordings")

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Compare the error each text names with those of the sample."""
        if len(context.wordings.by_error) < 2:
            return [Score(None)] * len(texts)
        named = {text: context.wordings.identify(text, context.catalogue.identify(text)) for text in set(texts)}
        return [_score(sample.errors, named[text]) for text, sample in zip(texts, samples, strict=True)]


def _score(truths: tuple[str, ...] | None, predicted: str | None) -> Score:
    if truths is None:
        return Score(None)
    is_correct = predicted in (truths or (NO_ERROR,))
    # Of several true errors the one that was named stands for the sample in the confusion matrix.
    truth = predicted if is_correct else (truths[0] if truths else NO_ERROR)
    fields = {
        "feedback_error_true": truth,
        "feedback_error_predicted": predicted,
        "feedback_error_correct": is_correct,
    }
    return Score(float(is_correct), fields)


METRIC = FeedbackError()
