"""Which of two answers is better. Asked in both orders: only a win in both is one.

Source: Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (2023), swapping positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vidtune.data import Turn
from vidtune.evaluation.judging._item import JudgeItem, Reply, Scores
from vidtune.evaluation.judging._reading import read_object
from vidtune.evaluation.judging.rubrics._shown import conversation, shown

_TASK = """Which response says better what the ground truth says: exercise, body part, error, direction and correction?
Opposite directions are errors, however alike the words. Neither the order of the responses nor their length counts."""
_FORM = 'Output JSON and nothing else: {"winner": "A"}, {"winner": "B"} or, when neither is better, {"winner": "tie"}.'
_PREFERENCE = {"a": 1.0, "b": -1.0, "tie": 0.0}


@dataclass(frozen=True)
class Pairwise:
    """See the module."""

    name: str = "pairwise"
    label: str = "Which of two answers is better"
    kind: Literal["single", "pair"] = "pair"
    fields: tuple[str, ...] = ("preference",)
    wants_logprobs: bool = False
    form: str = _FORM

    def turns(self, item: JudgeItem) -> tuple[Turn, ...]:
        """Return the ground truth and both responses."""
        parts = [
            *([shown("Question", item.question)] if item.question.strip() else []),
            shown("Ground truth", item.reference),
            shown("Response A", item.text),
            shown("Response B", item.other or ""),
            _TASK,
            _FORM,
        ]
        return conversation("You compare answers to questions about videos, strictly and fairly.", "\n\n".join(parts))

    def read(self, reply: Reply) -> Scores | None:
        """Return 1 for the first response, -1 for the second, 0 for neither."""
        value = read_object(reply.text, ("winner",))
        preference = _PREFERENCE.get(str(value["winner"]).strip().lower()) if value is not None else None
        return None if preference is None else {"preference": preference}


RUBRIC = Pairwise()
