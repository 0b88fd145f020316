"""Feedback first, then a score by a rubric with a description of each level and a reference answer of 5.

Source: the form of Kim et al., "Prometheus: Inducing Fine-grained Evaluation Capability in Language Models" (2023),
so that models trained on it can be asked as they expect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vidtune.data import Turn
from vidtune.evaluation.judging._item import JudgeItem, Reply, Scores
from vidtune.evaluation.judging._reading import points
from vidtune.evaluation.judging.rubrics._shown import conversation, shown

_RUBRIC = """Score rubric: does the response tell what is wrong with the exercise, or what is right, as an expert would?
Score 1: about another exercise, the opposite of the reference, empty, or harmful.
Score 2: the exercise is right, and what matters about its form is wrong or missing.
Score 3: the main point is there, without saying what to do, or beside claims that the reference does not make.
Score 4: the main point and what to do are right; a detail is missing.
Score 5: all that the reference says: exercise, body part, direction and correction, and nothing wrong."""
_FORM = (
    "Write a short feedback and then the score, in exactly this form: "
    '"Feedback: (feedback) [RESULT] (a whole number from 1 to 5)".'
)
_RESULT = re.compile(r"\[RESULT\]\s*:?\s*\(?\s*([1-5])(?![\d.])", re.IGNORECASE)


@dataclass(frozen=True)
class Prometheus:
    """See the module."""

    name: str = "prometheus"
    label: str = "Rubric with reference (1-5)"
    kind: Literal["single", "pair"] = "single"
    fields: tuple[str, ...] = ("overall",)
    wants_logprobs: bool = False
    form: str = _FORM

    def turns(self, item: JudgeItem) -> tuple[Turn, ...]:
        """Return instruction, response, reference and rubric."""
        parts = [
            shown("Instruction", item.question),
            shown("Response to evaluate", item.text),
            shown("Reference answer (score 5)", item.reference),
            _RUBRIC,
            _FORM,
        ]
        return conversation("You are a fair judge who gives clear, objective feedback by a rubric.", "\n\n".join(parts))

    def read(self, reply: Reply) -> Scores | None:
        """Return the number after the last mark; None where there is none, or marks disagree."""
        found = {float(number) for number in _RESULT.findall(reply.text)}
        score = points(found.pop()) if len(found) == 1 else None
        return None if score is None else {"overall": score}


RUBRIC = Prometheus()
