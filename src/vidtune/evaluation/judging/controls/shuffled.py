"""The answer of another sample must get a bad score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.evaluation.judging._control import (
    GOLD_OR_WRONG,
    WRONG,
    ControlCase,
    ControlSample,
    Finding,
    Observed,
    RubricKind,
    conclude,
    pair,
    single,
)

_MOST = 2.0
_LEAST_PREFERRED = 0.8


@dataclass(frozen=True)
class Shuffled:
    """See the module."""

    name: str = "shuffled"
    label: str = "Answer of another sample"

    def cases(self, samples: Sequence[ControlSample], kind: RubricKind) -> list[ControlCase]:
        """Return wrong answers, or right ones beside them."""
        return single(WRONG, samples) if kind == "single" else pair(GOLD_OR_WRONG, samples)

    def find(self, observed: Observed) -> Finding:
        """Return whether they are taken for wrong."""
        if observed.kind == "single":
            text = "the answer of another sample gets {value} points on average"
            return conclude(self, observed.values(WRONG), _MOST, at_most=True, description=text)
        text = "the right answer against a wrong one wins by {value} on average (1: always)"
        return conclude(self, observed.values(GOLD_OR_WRONG), _LEAST_PREFERRED, at_most=False, description=text)


CONTROL = Shuffled()
