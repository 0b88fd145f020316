"""What a piece of feedback says, slot by slot, and its advice ready to be looked up."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


class Advice(NamedTuple):
    """A part and the way it should go."""

    part: str
    """Empty where the text names none."""

    direction: str


class AdviceIndex:
    """Pieces of advice, to be looked up; one reading is compared with many others."""

    def __init__(self, advice: Set[Advice]) -> None:
        self.advice = advice
        self.directions = frozenset([one.direction for one in advice])
        self._of_any_part = frozenset([one.direction for one in advice if not one.part])

    def __contains__(self, one: Advice) -> bool:
        """Whether the same advice is given; a part that is not named fits any."""
        part, direction = one
        return one in self.advice or direction in (self._of_any_part if part else self.directions)

    def not_given_by(self, other: AdviceIndex) -> list[Advice]:
        """Return the pieces of this advice that the other does not give."""
        if self.directions.isdisjoint(other.directions):
            return list(self.advice)
        return [one for one in self.advice if one not in other]


@dataclass(frozen=True)
class FeedbackSlots:
    """What a piece of feedback says."""

    exercise: str | None = None
    parts: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    """Errors that are found; not those that are denied."""

    advice: frozenset[Advice] = frozenset()
    """Of findings and instructions together."""

    corrections: frozenset[Advice] = frozenset()
    """Of instructions alone."""

    sides: frozenset[str] = frozenset()
    """``left``, ``right``, ``both``."""

    severity: int | None = None
    """1 slight, 2 severe; None where nothing is said."""

    is_praise: bool = False
    """Whether it finds nothing wrong and says so."""

    @cached_property
    def advised(self) -> AdviceIndex:
        """``advice``, to look things up in."""
        return AdviceIndex(self.advice)

    @cached_property
    def corrected(self) -> AdviceIndex:
        """``corrections``, to look things up in."""
        return self.advised if len(self.corrections) == len(self.advice) else AdviceIndex(self.corrections)
