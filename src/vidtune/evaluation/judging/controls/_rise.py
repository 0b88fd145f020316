"""Controls that change a wrong answer without making it better: its score must not rise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from vidtune.evaluation.judging._control import (
    MIN_CASES,
    WRONG,
    ControlCase,
    ControlSample,
    Finding,
    Observed,
    RubricKind,
    conclude,
    pair,
    single,
    too_few,
)

_MOST_POINTS = 0.25
_MOST_PREFERRED = 0.2


@dataclass(frozen=True)
class RiseControl:
    """See the module."""

    name: str
    label: str
    role: str
    """Of single answers: the changed one."""

    pair_role: str
    """Of two answers: the wrong one, and the same changed."""

    change: str
    """What was done to the answer, for people."""

    def cases(self, samples: Sequence[ControlSample], kind: RubricKind) -> list[ControlCase]:
        """Return wrong answers as they are and changed."""
        if kind == "single":
            return [*single(WRONG, samples), *single(self.role, samples)]
        return pair(self.pair_role, samples)

    def find(self, observed: Observed) -> Finding:
        """Return whether the change pays."""
        if observed.kind == "single":
            plain, changed = observed.values(WRONG), observed.values(self.role)
            if len(plain) < MIN_CASES:
                return too_few(self, len(plain))
            rises = [value - fmean(plain) for value in changed]
            text = f"a wrong answer {self.change} rises by {{value}} points on average"
            return conclude(self, rises, _MOST_POINTS, at_most=True, description=text)
        wins = [float(value < 0) for value in observed.values(self.pair_role)]
        text = f"a wrong answer {self.change} beats the same without in a share of {{value}}"
        return conclude(self, wins, _MOST_PREFERRED, at_most=True, description=text)
