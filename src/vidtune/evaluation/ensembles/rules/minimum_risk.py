"""The text that is most like all the others: minimum Bayes risk over the members' answers.

Source: Kumar and Byrne, "Minimum Bayes-Risk Decoding for Statistical Machine Translation" (2004); over samples of one
model, Eikema and Aziz (2020). Every answer is as likely as another, and likeness is a metric of single answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from vidtune.evaluation.ensembles._rule import Candidate, Decision, Likeness


@dataclass(frozen=True)
class MinimumRisk:
    """See the module."""

    label: str = "minimum risk"
    needs_likeness: bool = True
    needs_comparable: bool = False

    def decide(self, candidates: Sequence[Candidate], likeness: Likeness | None) -> Decision:
        """Return the answer with the highest mean likeness to the others, which is its support."""
        if likeness is None or len(candidates) == 1:
            return Decision(0, 1.0)
        gains = [
            fmean(row[other] for other in range(len(candidates)) if other != index)
            for index, row in enumerate(likeness)
        ]
        best = max(
            range(len(candidates)), key=lambda index: (gains[index], candidates[index].confidence or 0.0, -index)
        )
        return Decision(best, min(1.0, max(0.0, gains[best])))


RULE = MinimumRisk()
