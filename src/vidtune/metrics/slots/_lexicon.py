"""The words of a domain. Patterns are whole words; ``*`` stands for the rest of a word, a blank for blanks."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from vidtune.core.registry import Registry, parts_in_folder


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Found:
    """Words that stand for a name."""

    name: str
    start: int
    end: int
    """Places in the text."""


class Scanner:
    """Finds the patterns of many names in one pass over the words of a text; of several that begin alike, the longest.

    Args:
        entries: From names to patterns.
    """

    def __init__(self, entries: Mapping[str, tuple[str, ...]]) -> None:
        self._by_start: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name, patterns in entries.items():
            for pattern in patterns:
                words = tuple(_WORD_OR_STAR.findall(pattern))
                self._by_start.setdefault(words[0][:2], []).append((words, name))
        for candidates in self._by_start.values():
            candidates.sort(key=lambda one: (-len(one[0]), -sum(map(len, one[0]))))
        self._by_word: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        # Most words of a text begin nothing, and most texts hold no other.
        self._idle: set[str] = set()

    def find(self, text: str) -> list[Found]:
        """Return what is found, in the order of the text, without overlaps."""
        words, distinct = _words_of(text)
        found: list[Found] = []
        if self._idle.issuperset(distinct):
            return found
        following = 0
        for place, (word, start, _) in enumerate(words):
            known = self._by_word.get(word)
            candidates = self._beginning_with(word) if known is None else known
            if not candidates or place < following:
                continue
            for patterns, name in candidates:
                rest = words[place + 1 : place + len(patterns)]
                if len(rest) == len(patterns) - 1 and all(map(_fits, (one[0] for one in rest), patterns[1:])):
                    following = place + len(patterns)
                    found.append(Found(name, start, words[following - 1][2]))
                    break
        return found

    def names(self, text: str) -> list[str]:
        """Return the names that are found, each once."""
        return list(dict.fromkeys(one.name for one in self.find(text)))

    def _beginning_with(self, word: str) -> list[tuple[tuple[str, ...], str]]:
        """Return the patterns whose first word fits; worked out once for each word."""
        found = [entry for entry in self._by_start.get(word[:2], ()) if _fits(word, entry[0][0])]
        self._by_word[word] = found
        if not found:
            self._idle.add(word)
        return found


_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_WORD_OR_STAR = re.compile(r"[a-z0-9]+(?:'[a-z]+)?\*?")


@lru_cache(maxsize=4096)
def _words_of(text: str) -> tuple[tuple[tuple[str, int, int], ...], frozenset[str]]:
    """Return the words of a text with their places, and which they are."""
    words = tuple((match.group(), *match.span()) for match in _WORD.finditer(text))
    return words, frozenset(word for word, _, _ in words)


def _fits(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


_folder = importlib.import_module("vidtune.metrics.slots.lexicons")
lexicons: Registry[Lexicon] = Registry("lexicon", parts_in_folder(_folder.__name__, _folder.__path__, "LEXICON"))
"""All lexicons by domain; packages add theirs through the entry-point group ``vidtune.lexicon``."""
