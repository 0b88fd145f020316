"""What a judge is asked and what it says: values that travel between rubrics, back ends and controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidtune.data import Turn

Scores = Mapping[str, float]
"""By field: points on the rubric's scale; of two answers ``preference``, 1 the first, -1 the second, 0 neither."""


@dataclass(frozen=True)
class JudgeItem:
    """One answer, or two, to be judged."""

    sample_id: str
    question: str
    reference: str
    """The right answer."""

    text: str
    """The answer to be judged; of two, the one shown first."""

    other: str | None = None
    """Of two answers, the one shown second."""


@dataclass(frozen=True)
class TokenChoice:
    """One written token, and what else could have stood there."""

    text: str
    logprobs: Mapping[str, float]
    """Natural-log probability of the likeliest tokens by their text, this one among them."""


@dataclass(frozen=True)
class Reply:
    """What a judge says to one question."""

    text: str = ""
    tokens: tuple[TokenChoice, ...] = ()
    """Empty where the back end does not tell probabilities."""

    scores: Scores | None = None
    """Of a back end that reads no prompt and writes no text: the scores themselves."""


@dataclass(frozen=True)
class Refusal:
    """A question that the judge does not take, for a reason that lies in the question."""

    reason: str


@dataclass(frozen=True)
class Ask:
    """One question to a judge."""

    item: JudgeItem
    turns: tuple[Turn, ...]
    wants_logprobs: bool = False
