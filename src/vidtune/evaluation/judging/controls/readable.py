"""Replies must be readable: a mean over the few that are says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.evaluation.judging._control import (
    ControlCase,
    ControlSample,
    Finding,
    Observed,
    RubricKind,
    decide,
    not_run,
)

_LEAST = 0.9


@dataclass(frozen=True)
class Readable:
    """See the module."""

    name: str = "readable"
    label: str = "Replies can be read"

    def cases(self, samples: Sequence[ControlSample], kind: RubricKind) -> list[ControlCase]:
        """Return none: the cases of other controls serve."""
        return []

    def find(self, observed: Observed) -> Finding:
        """Return the share of replies that could be read."""
        if not observed.num_asked:
            return not_run(self, 0, "nothing was asked.")
        share = observed.num_read / observed.num_asked
        text = f"{observed.num_read} of {observed.num_asked} replies could be read; expected a share of {_LEAST:g}."
        return decide(self, share, _LEAST, observed.num_asked, text)


CONTROL = Readable()
