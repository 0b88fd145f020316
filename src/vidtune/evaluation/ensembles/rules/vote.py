"""The answer that most members give; of equals, the one with the higher confidence in sum, then of the first member.

Over several answers of one model this is self-consistency: Wang et al., "Self-Consistency Improves Chain of Thought
Reasoning in Language Models" (2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.evaluation.ensembles._rule import Candidate, Decision, Likeness, surest


@dataclass(frozen=True)
class Vote:
    """See the module."""

    label: str = "majority vote"
    needs_likeness: bool = False
    needs_comparable: bool = False

    def decide(self, candidates: Sequence[Candidate], likeness: Likeness | None) -> Decision:
        """Return the winner of the vote; its support is its share of the votes."""
        votes: dict[str, list[int]] = {}
        for index, candidate in enumerate(candidates):
            votes.setdefault(candidate.key, []).append(index)

        def rank(indices: list[int]) -> tuple[int, float]:
            return len(indices), sum(candidates[index].confidence or 0.0 for index in indices)

        winner = max(votes.values(), key=rank)
        return Decision(surest(candidates, winner), len(winner) / len(candidates))


RULE = Vote()
