"""Controls that put one kind of case to a judge, and look at the mean of what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidtune.evaluation.judging._control import (
    ControlCase,
    ControlSample,
    Finding,
    Observed,
    RubricKind,
    conclude,
    pair,
    single,
)


@dataclass(frozen=True)
class Expected:
    """What the mean of one role must be."""

    role: str
    limit: float
    at_most: bool
    description: str
    """What is measured, with ``{value}`` where the mean is said."""

    measure: Callable[[float], float] = float
    """What is taken of the value of each case."""


@dataclass(frozen=True)
class MeanControl:
    """See the module."""

    name: str
    label: str
    of_single: Expected
    of_pair: Expected

    def cases(self, samples: Sequence[ControlSample], kind: RubricKind) -> list[ControlCase]:
        """Return the cases of the role that is looked at."""
        return single(self.of_single.role, samples) if kind == "single" else pair(self.of_pair.role, samples)

    def find(self, observed: Observed) -> Finding:
        """Return whether their mean is on the right side of its limit."""
        expected = self.of_single if observed.kind == "single" else self.of_pair
        values = [expected.measure(value) for value in observed.values(expected.role)]
        return conclude(self, values, expected.limit, at_most=expected.at_most, description=expected.description)
