"""The words of a domain. Patterns are whole words; ``*`` stands for the rest of a word, a blank for blanks."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from vidtune.core.registry import Registry, parts_in_folder
from vidtune.metrics.slots._words import Scanner, Vocabulary


@dataclass(frozen=True, eq=False)
class Lexicon:
    """What the parts, errors, directions and actions of a domain are called.

    Every mapping goes from the name used in scores to the patterns that stand for it.
    """

    parts: Mapping[str, tuple[str, ...]]
    """Body parts, or whatever feedback is about."""

    errors: Mapping[str, tuple[str, ...]]
    """Words that say what is wrong, whatever the direction."""

    directions: Mapping[str, tuple[str, ...]]
    """Ways to be or to move; each is opposite to one other."""

    opposites: Mapping[str, str]
    """From each direction to its opposite, both ways."""

    cures: Mapping[str, str]
    """From an error to the direction that undoes it, where no direction is said."""

    actions: Mapping[str, tuple[str, ...]]
    """Verbs that begin an instruction."""

    action_directions: Mapping[str, str]
    """From an action to the direction it has by itself: who lifts, lifts up."""

    degrees: Mapping[str, str]
    """From adjectives after "too" and before "enough" to their direction: "too high" is up."""

    idioms: Mapping[str, str] = field(default_factory=dict)
    """From phrases that name a direction by something else ("over your toes") to that direction; their nouns are no
    parts."""

    praise: tuple[str, ...] = ()
    """Words of a clause that finds something good."""

    safety: frozenset[str] = frozenset()
    """Errors, and ``part/direction`` pairs of the advice against them, that can do harm."""

    @cached_property
    def harms(self) -> frozenset[tuple[str, ...]]:
        """The parts and directions of ``safety``."""
        return frozenset(tuple(pair.split("/")) for pair in self.safety if "/" in pair)

    @cached_property
    def part_words(self) -> Scanner:
        """Finds parts."""
        return Scanner(self.parts)

    @cached_property
    def error_words(self) -> Scanner:
        """Finds errors."""
        return Scanner(self.errors)

    @cached_property
    def direction_words(self) -> Scanner:
        """Finds directions."""
        return Scanner(self.directions)

    @cached_property
    def action_words(self) -> Scanner:
        """Finds actions."""
        return Scanner(self.actions)

    @cached_property
    def idiom_words(self) -> Scanner:
        """Finds idioms; each is named by its direction."""
        by_direction: dict[str, list[str]] = {}
        for phrase, direction in self.idioms.items():
            by_direction.setdefault(direction, []).append(phrase)
        return Scanner({direction: tuple(phrases) for direction, phrases in by_direction.items()})

    @cached_property
    def praise_words(self) -> Scanner:
        """Finds praise."""
        return Scanner({"praise": self.praise})

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What all of these know of a word."""
        return Vocabulary(
            (
                self.part_words,
                self.error_words,
                self.direction_words,
                self.action_words,
                self.idiom_words,
                self.praise_words,
            )
        )

    @cached_property
    def excess(self) -> re.Pattern[str]:
        """Finds "too" before an adjective of degree."""
        return re.compile(rf"\btoo\s+({self._degree_pattern})\b")

    @cached_property
    def lack(self) -> re.Pattern[str]:
        """Finds an adjective of degree of which there is not enough."""
        return re.compile(rf"(?:not|n't|isn't|aren't)\b(?:\s+\w+){{0,4}}?\s+({self._degree_pattern})\s+enough\b")

    @cached_property
    def _degree_pattern(self) -> str:
        return "|".join(sorted(map(re.escape, self.degrees), key=len, reverse=True))


_folder = importlib.import_module("vidtune.metrics.slots.lexicons")
lexicons: Registry[Lexicon] = Registry("lexicon", parts_in_folder(_folder.__name__, _folder.__path__, "LEXICON"))
"""All lexicons by domain; packages add theirs through the entry-point group ``vidtune.lexicon``."""
