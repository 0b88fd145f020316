"""Right, wrong and empty answers must not all get the same score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import pstdev

from vidtune.evaluation.judging._control import (
    EMPTY,
    GOLD,
    GOLD_OR_EMPTY,
    GOLD_OR_WRONG,
    GOLD_TWICE,
    MIN_CASES,
    WRONG,
    ControlCase,
    ControlSample,
    Finding,
    Observed,
    RubricKind,
    decide,
    too_few,
)

_LEAST = 0.1


@dataclass(frozen=True)
class Constant:
    """See the module."""

    name: str = "constant"
    label: str = "Tells answers apart"

    def cases(self, samples: Sequence[ControlSample], kind: RubricKind) -> list[ControlCase]:
        """Return none: the cases of other controls serve."""
        return []

    def find(self, observed: Observed) -> Finding:
        """Return whether scores vary at all."""
        roles = (GOLD, WRONG, EMPTY) if observed.kind == "single" else (GOLD_TWICE, GOLD_OR_WRONG, GOLD_OR_EMPTY)
        values = [value for role in roles for value in observed.values(role)]
        if len(values) < MIN_CASES:
            return too_few(self, len(values))
        spread = pstdev(values)
        text = f"scores of right, wrong and empty answers spread by {spread:.2f}; expected at least {_LEAST:g}."
        return decide(self, spread, _LEAST, len(values), text)


CONTROL = Constant()
