"""Whether each answer names the right one of the answers that its kind of question has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import Score, ScoringContext
from vidtune.evaluation.scorers._texts import short_answers
from vidtune.metrics import Thresholds, named_answer


@dataclass(frozen=True)
class AnswerNamed:
    """Right when the prediction names the right answer and no other of those that this type of question has.

    The answers of a type are those of the reference set and of the evaluated samples. Case, hyphens and articles do
    not count; "no" is not in "normal"; who says "yes and no" has not answered.
    """

    name: str = "answer_named"
    label: str = "Answer accuracy"
    field: str = "answer_correct"
    kind: Literal["score", "proportion"] = "proportion"
    thresholds: Thresholds | None = None
    class_prefix: str | None = "answer"
    baselines: tuple[str, ...] = ("blind_prior",)

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Compare the answer that each text names with that of its sample."""
        known: dict[str, set[str]] = {}
        for sample in (*samples, *context.references):
            known.setdefault(sample.question_kind, set()).update(
                text for text in short_answers(sample)[:1] if text.strip()
            )
        candidates = {kind: tuple(sorted(answers)) for kind, answers in known.items()}
        return [
            _score(text, sample, candidates[sample.question_kind]) for text, sample in zip(texts, samples, strict=True)
        ]


def _score(text: str, sample: Prediction, candidates: Sequence[str]) -> Score:
    truth = next(iter(short_answers(sample)), "")
    if not truth.strip():
        return Score(None)
    named = named_answer(text, candidates)
    fields = {
        "answer_true": truth,
        "answer_predicted": named,
        "answer_correct": named == truth,
        "is_parsed": named is not None,
    }
    return Score(float(named == truth), fields)


METRIC = AnswerNamed()
