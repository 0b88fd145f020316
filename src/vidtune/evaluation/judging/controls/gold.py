"""The ground truth, judged against itself, must get the best score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.evaluation.judging._control import (
    GOLD,
    GOLD_TWICE,
    ControlCase,
    ControlSample,
    Finding,
    Observed,
    RubricKind,
    conclude,
    pair,
    single,
)

_LEAST = 4.5
_MOST_PREFERRED = 0.2


@dataclass(frozen=True)
class Gold:
    """See the module. Of two equal answers neither may win."""

    name: str = "gold"
    label: str = "Ground truth against itself"

    def cases(self, samples: Sequence[ControlSample], kind: RubricKind) -> list[ControlCase]:
        """Return right answers."""
        return single(GOLD, samples) if kind == "single" else pair(GOLD_TWICE, samples)

    def find(self, observed: Observed) -> Finding:
        """Return whether they are taken for right."""
        if observed.kind == "single":
            text = "the ground truth gets {value} points on average"
            return conclude(self, observed.values(GOLD), _LEAST, at_most=False, description=text)
        wins = [abs(value) for value in observed.values(GOLD_TWICE)]
        text = "of two equal answers one wins in a share of {value}"
        return conclude(self, wins, _MOST_PREFERRED, at_most=True, description=text)


CONTROL = Gold()
