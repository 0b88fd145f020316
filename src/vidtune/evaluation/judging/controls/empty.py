"""An empty answer must get the worst score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.evaluation.judging._control import (
    EMPTY,
    GOLD_OR_EMPTY,
    ControlCase,
    ControlSample,
    Finding,
    Observed,
    RubricKind,
    conclude,
    pair,
    single,
)

_MOST = 1.5
_LEAST_PREFERRED = 0.9


@dataclass(frozen=True)
class Empty:
    """See the module."""

    name: str = "empty"
    label: str = "Empty answer"

    def cases(self, samples: Sequence[ControlSample], kind: RubricKind) -> list[ControlCase]:
        """Return empty answers, or right ones beside them."""
        return single(EMPTY, samples) if kind == "single" else pair(GOLD_OR_EMPTY, samples)

    def find(self, observed: Observed) -> Finding:
        """Return whether nothing counts as nothing."""
        if observed.kind == "single":
            text = "an empty answer gets {value} points on average"
            return conclude(self, observed.values(EMPTY), _MOST, at_most=True, description=text)
        text = "the right answer against an empty one wins by {value} on average (1: always)"
        return conclude(self, observed.values(GOLD_OR_EMPTY), _LEAST_PREFERRED, at_most=False, description=text)


CONTROL = Empty()
