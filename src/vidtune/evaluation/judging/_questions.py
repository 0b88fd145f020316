"""The questions of one judging: controls first, then predictions, each with the key that its reply is remembered by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from vidtune.core.hashing import hash_json
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation.judging._control import Control, ControlSample, Observed, Outcome, RubricKind
from vidtune.evaluation.judging._item import Ask, JudgeItem
from vidtune.evaluation.judging._rubric import Rubric

Order = Literal["as is", "swapped"]
Row = dict[str, Any]

SAMPLE = "sample"
"""Role of predictions; any other role is that of control cases."""


@dataclass(frozen=True)
class Question:
    """One question to the judge, and what it is for."""

    role: str
    order: Order
    rubric: Rubric
    item: JudgeItem
    key: str
    """Hash of all that the reply depends on."""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What no two questions of one judging share."""
        return self.role, self.item.sample_id, self.order, self.key

    def ask(self) -> Ask:
        """Return what is put to the judge."""
        shown = self.item
        if self.order == "swapped":
            shown = replace(shown, text=shown.other or "", other=shown.text)
        return Ask(shown, self.rubric.turns(shown), self.rubric.wants_logprobs)


def identity_of(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return the identity of the question that a row of the log answers."""
    return str(row["role"]), str(row["sample_id"]), str(row["order"]), str(row["key"])


def control_questions(
    controls: Sequence[Control],
    samples: Sequence[ControlSample],
    rubric: Rubric,
    pair_rubric: Rubric,
    identity: Mapping[str, Any],
) -> list[Question]:
    """Return the questions of all controls; cases that several need are put once."""
    questions: dict[tuple[str, str, str, str], Question] = {}
    for control in controls:
        for case in control.cases(samples, rubric.kind):
            asked_by = rubric if (case.item.other is not None) == (rubric.kind == "pair") else pair_rubric
            for question in _questions(case.role, case.item, asked_by, identity):
                questions.setdefault(question.identity, question)
    return list(questions.values())


def sample_questions(
    predictions: Iterable[Prediction], others: Mapping[str, str], rubric: Rubric, identity: Mapping[str, Any]
) -> list[Question]:
    """Return the questions about predictions that can be judged.

    Args:
        predictions: Those without an answer, or without a right one, are left out.
        others: For pairs, the other system's answers by sample id; samples that it has none for are left out.
        rubric: By which they are judged.
        identity: Of the judge.
    """
    questions = []
    for one in predictions:
        other = others.get(one.sample_id) if rubric.kind == "pair" else None
        if one.text is None or not one.answer.strip() or (rubric.kind == "pair" and other is None):
            continue
        item = JudgeItem(one.sample_id, one.question, one.answer, one.text, other)
        questions += _questions(SAMPLE, item, rubric, identity)
    return questions


def observe(rows: Iterable[Row], kind: RubricKind) -> Observed:
    """Return what the rows of control cases say together."""
    cases: dict[tuple[str, str], dict[str, Row]] = {}
    num_asked = num_read = 0
    for row in rows:
        cases.setdefault((row["role"], row["sample_id"]), {})[row["order"]] = row
        num_asked += 1
        num_read += row["scores"] is not None
    outcomes: dict[str, list[Outcome]] = {}
    for (role, _), orders in cases.items():
        outcome = outcome_of(orders)
        if outcome is not None:
            outcomes.setdefault(role, []).append(outcome)
    return Observed(kind, outcomes, num_asked, num_read)


def outcome_of(orders: Mapping[str, Row]) -> Outcome | None:
    """Return what the rows of one case in its one or two orders come to; None where one cannot be read."""
    if any(row["scores"] is None for row in orders.values()):
        return None
    said = {order: float(next(reversed(row["scores"].values()))) for order, row in orders.items()}
    if len(said) == 1:
        return Outcome(said["as is"])
    first, second = said["as is"], -said["swapped"]
    return Outcome(first if first == second else 0.0, is_by_position=first != 0 and first == -second)


def _questions(role: str, item: JudgeItem, rubric: Rubric, identity: Mapping[str, Any]) -> list[Question]:
    orders: tuple[Order, ...] = ("as is",) if item.other is None else ("as is", "swapped")
    found = []
    for order in orders:
        question = Question(role, order, rubric, item, "")
        turns = [[turn.role, turn.text] for turn in question.ask().turns]
        found.append(replace(question, key=hash_json([identity, rubric.name, rubric.wants_logprobs, turns])))
    return found
