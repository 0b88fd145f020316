"""Which of two answers wins must not depend on which is shown first. Put to judges of single answers too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.evaluation.judging._control import (
    GOLD_OR_WRONG,
    ControlCase,
    ControlSample,
    Finding,
    Observed,
    RubricKind,
    conclude,
    pair,
)

_MOST = 0.2


@dataclass(frozen=True)
class Position:
    """See the module."""

    name: str = "position"
    label: str = "Order of two answers"

    def cases(self, samples: Sequence[ControlSample], kind: RubricKind) -> list[ControlCase]:
        """Return right answers beside wrong ones, whatever the rubric; pairs are put in both orders."""
        return pair(GOLD_OR_WRONG, samples)

    def find(self, observed: Observed) -> Finding:
        """Return how often the place decides."""
        by_position = [float(outcome.is_by_position) for outcome in observed.outcomes.get(GOLD_OR_WRONG, ())]
        text = "the same place wins in both orders in a share of {value}"
        return conclude(self, by_position, _MOST, at_most=True, description=text)


CONTROL = Position()
