"""The colours of a score: green, yellow, red, at the thresholds that the QVED report made familiar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Colour = Literal["green", "yellow", "red"]

FILLS: dict[Colour, str] = {"green": "C6EFCE", "yellow": "FFEB9C", "red": "FFC7CE"}
"""Background of a cell, RGB in hexadecimal."""

BARS: dict[Colour, str] = {"green": "00B050", "yellow": "FFC000", "red": "FF0000"}
"""Bar of a chart, RGB in hexadecimal."""


@dataclass(frozen=True)
class Thresholds:
    """A score is green from ``green`` on, yellow from ``yellow`` on, red below.

    Example:
        >>> Thresholds(green=0.7, yellow=0.4).colour_of(0.4)
        'yellow'
    """

    green: float
    yellow: float

    def colour_of(self, score: float) -> Colour:
        """Return the colour of one score."""
        if score >= self.green:
            return "green"
        return "yellow" if score >= self.yellow else "red"

    def count(self, scores: Iterable[float]) -> dict[Colour, int]:
        """Return how many scores have each colour."""
        counts: dict[Colour, int] = {"green": 0, "yellow": 0, "red": 0}
        for score in scores:
            counts[self.colour_of(score)] += 1
        return counts
