"""The answer with the highest probability on average over members.

What a prediction file keeps is the probability of the answer that was given, and of an ensemble's answers those of
all; what a member gave no answer for counts as 0 there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.evaluation.ensembles._rule import Candidate, Decision, Likeness, surest


@dataclass(frozen=True)
class ProbabilityAverage:
    """See the module."""

    label: str = "average of probabilities"
    needs_likeness: bool = False
    needs_comparable: bool = False

    def decide(self, candidates: Sequence[Candidate], likeness: Likeness | None) -> Decision:
        """Return the answer with the highest mean probability, which is its support."""
        total: dict[str, float] = defaultdict(float)
        for candidate in candidates:
            for key, probability in (candidate.probabilities or {candidate.key: candidate.confidence or 0.0}).items():
                total[key] += probability / len(candidates)
        # An answer that only lies inside a member's probabilities has no text here to be given.
        given = {candidate.key for candidate in candidates}
        best = max(given, key=lambda key: (total[key], -next(i for i, c in enumerate(candidates) if c.key == key)))
        index = surest(candidates, [index for index, candidate in enumerate(candidates) if candidate.key == best])
        return Decision(index, min(1.0, total[best]))


RULE = ProbabilityAverage()
