"""The answer of the member that is surest, each calibrated on its own validation run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.evaluation.ensembles._rule import Candidate, Decision, Likeness, surest


@dataclass(frozen=True)
class BestByConfidence:
    """See the module."""

    label: str = "best by calibrated confidence"
    needs_likeness: bool = False
    needs_comparable: bool = True

    def decide(self, candidates: Sequence[Candidate], likeness: Likeness | None) -> Decision:
        """Return the surest answer; its support is its confidence."""
        index = surest(candidates, range(len(candidates)))
        return Decision(index, candidates[index].confidence or 0.0)


RULE = BestByConfidence()
