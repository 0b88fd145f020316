"""One score from 1 to 5 for accuracy and usefulness: what the QVED pipeline called LLM Accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vidtune.data import Turn
from vidtune.evaluation.judging._item import JudgeItem, Reply, Scores
from vidtune.evaluation.judging._reading import read_number
from vidtune.evaluation.judging.rubrics._shown import case, conversation

_SCALE = """Rate how accurate and useful the prediction is, on a scale of 1 to 5:
5: says all that the ground truth says, and nothing wrong
4: right in what matters, with a small omission or addition
3: partly right: something that matters is missing
2: mostly wrong or far too general to be of use
1: wrong, opposite, about something else, or empty
Length earns nothing."""
_FORM = "Reply with one digit from 1 to 5 and nothing else."


@dataclass(frozen=True)
class Holistic:
    """See the module. A reply without a clear score is missing; the old pipeline took it for a 3."""

    name: str = "holistic"
    label: str = "LLM Accuracy (1-5)"
    kind: Literal["single", "pair"] = "single"
    fields: tuple[str, ...] = ("overall",)
    wants_logprobs: bool = False
    form: str = _FORM

    def turns(self, item: JudgeItem) -> tuple[Turn, ...]:
        """Return the case and the scale."""
        return conversation(
            "You judge answers to questions about videos, strictly and fairly.", f"{case(item)}\n\n{_SCALE}\n\n{_FORM}"
        )

    def read(self, reply: Reply) -> Scores | None:
        """Return the score."""
        score = read_number(reply.text)
        return None if score is None else {"overall": score}


RUBRIC = Holistic()
