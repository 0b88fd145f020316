"""What an ensemble rule is, and the table of rules. Adding one is adding one file to the folder ``rules``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vidtune.core.registry import Registry, parts_in_folder

Likeness = Sequence[Sequence[float]]
"""How well each candidate (row) would do if each other one (column) were the truth."""


@dataclass(frozen=True)
class Candidate:
    """What one member answered."""

    member: int
    text: str
    key: str
    """The same for answers that say the same: the option they choose, else their words without case and punctuation."""

    confidence: float | None
    """Calibrated where the member was; else its support or token probability. None where nothing says it."""

    probabilities: Mapping[str, float] = field(default_factory=dict)
    """By key, where the member itself is an ensemble; else empty."""


@dataclass(frozen=True)
class Decision:
    """What a rule makes of the candidates of one sample."""

    index: int
    """Which candidate's answer is given."""

    support: float
    """0 to 1: how much of the ensemble stands behind it."""


class EnsembleRule(Protocol):
    """A way to make one answer of several."""

    @property
    def label(self) -> str:
        """Name for people."""

    @property
    def needs_likeness(self) -> bool:
        """Whether candidates are compared with each other by a metric first."""

    @property
    def needs_comparable(self) -> bool:
        """Whether confidences of different members are compared, which only means something when calibrated."""

    def decide(self, candidates: Sequence[Candidate], likeness: Likeness | None) -> Decision:
        """Choose among the answers to one sample; there is at least one."""


_folder = importlib.import_module("vidtune.evaluation.ensembles.rules")
ensemble_rules: Registry[EnsembleRule] = Registry(
    "ensemble_rule", parts_in_folder(_folder.__name__, _folder.__path__, "RULE")
)
"""All rules by name; packages add theirs through the entry-point group ``vidtune.ensemble_rule``."""


def surest(candidates: Sequence[Candidate], indices: Sequence[int]) -> int:
    """Return the one of ``indices`` with the highest confidence; of equals, the one of the earliest member."""
    return max(indices, key=lambda index: (candidates[index].confidence or 0.0, -candidates[index].member))
