"""Texts cut into words, with what is known of every word before a text is read: what it can begin, what it hints at.

Words recur though texts do not. So each is looked up in the patterns once, and a text is read by looking up its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vidtune.metrics.slots._grammar import RULES, Rule

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_WORD_OR_STAR = re.compile(r"[a-z0-9]+(?:'[a-z]+)?\*?")
_ANY_NEED = re.compile("|".join(sorted({re.escape(need) for rule in RULES for need in rule.needs})))
_MAX_CHUNKS = 100_000

_Entry = tuple[tuple[str, ...], str]
"""The words of a pattern, and the name it stands for."""


@dataclass(frozen=True)
class Found:
    """Words that stand for a name."""

    name: str
    start: int
    end: int
    """Places in the text."""


class Told:
    """A text in lower case, as far as its words are known.

    Args:
        text: What is said.
        vocabulary: What is known of words.
    """

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.words: list[str] = []
        self.begins: dict[Scanner, list[int]] = {}
        """For each scanner, the places of the words that can begin a pattern of it."""
        self.hints = 0
        for chunk in text.split():
            words, begins, hints = vocabulary[chunk]
            self.hints |= hints
            for scanner, place in begins:
                self.begins.setdefault(scanner, []).append(len(self.words) + place)
            self.words += words

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where each word begins and ends."""
        return [match.span() for match in _WORD.finditer(self.text)]

    def may_hold(self, rule: Rule) -> bool:
        """Whether it is worth a search."""
        return bool(self.hints & rule.bit)

    def holds(self, rule: Rule) -> bool:
        """Whether the rule's pattern is in the text."""
        return bool(self.hints & rule.bit) and rule.pattern.search(self.text) is not None


class Scanner:
    """Finds the patterns of many names in one pass over the words of a text; of several that begin alike, the longest.

    Args:
        entries: From names to patterns.
    """

    def __init__(self, entries: Mapping[str, tuple[str, ...]]) -> None:
        self._by_start: dict[str, list[_Entry]] = {}
        for name, patterns in entries.items():
            for pattern in patterns:
                words = tuple(_WORD_OR_STAR.findall(pattern))
                self._by_start.setdefault(words[0][:2], []).append((words, name))
        for candidates in self._by_start.values():
            candidates.sort(key=lambda one: (-len(one[0]), -sum(map(len, one[0]))))
        self._by_word: dict[str, list[_Entry]] = {}

    def begins_with(self, word: str) -> bool:
        """Whether a pattern can begin with ``word``; which ones is worked out once for each word."""
        if word not in self._by_word:
            found = [entry for entry in self._by_start.get(word[:2], ()) if _fits(word, entry[0][0])]
            if not found:
                return False  # most words; they are not kept
            self._by_word[word] = found
        return True

    def find(self, told: Told) -> list[Found]:
        """Return what is found, in the order of the text, without overlaps."""
        places = self._places(told)
        spans = told.spans if places else []
        return [Found(name, spans[first][0], spans[last][1]) for name, first, last in places]

    def names(self, told: Told, without: Scanner | None = None) -> list[str]:
        """Return the names that are found, each once; with ``without``, as if the words it finds were not there."""
        if self not in told.begins:
            return []
        taken = without._places(told) if without is not None else []
        if not taken:
            return list(dict.fromkeys(name for name, _, _ in self._places(told)))
        gone = {place for _, first, last in taken for place in range(first, last + 1)}
        words = [word for place, word in enumerate(told.words) if place not in gone]
        places = [place for place, word in enumerate(words) if word in self._by_word]
        return list(dict.fromkeys(name for name, _, _ in self._match(words, places)))

    def is_in(self, told: Told) -> bool:
        """Whether anything is found."""
        return bool(self._places(told))

    def _places(self, told: Told) -> list[tuple[str, int, int]]:
        """Return names with the places of their first and last words."""
        places = told.begins.get(self)
        return self._match(told.words, places) if places else []

    def _match(self, words: Sequence[str], places: Iterable[int]) -> list[tuple[str, int, int]]:
        found: list[tuple[str, int, int]] = []
        following = 0
        for place in places:
            if place < following:
                continue
            for patterns, name in self._by_word[words[place]]:
                if len(patterns) > 1:
                    rest = words[place + 1 : place + len(patterns)]
                    is_there = len(rest) == len(patterns) - 1 and all(map(_fits, rest, patterns[1:]))
                else:
                    is_there = True
                if is_there:
                    following = place + len(patterns)
                    found.append((name, place, following - 1))
                    break
        return found


class Vocabulary(dict[str, tuple[tuple[str, ...], tuple[tuple[Scanner, int], ...], int]]):
    """For what stands between blanks: its words, which scanners each of them can begin a pattern of, and its hints.

    Args:
        scanners: Of a lexicon.
    """

    def __init__(self, scanners: Iterable[Scanner]) -> None:
        super().__init__()
        self._scanners = tuple(scanners)

    def hints_of(self, text: str) -> int:
        """Return the hints of a text, which need no more than that."""
        hints = 0
        for chunk in text.split():
            hints |= self[chunk][2]
        return hints

    def __missing__(self, chunk: str) -> tuple[tuple[str, ...], tuple[tuple[Scanner, int], ...], int]:
        words = tuple(_WORD.findall(chunk))
        begins = tuple(
            (scanner, place)
            for place, word in enumerate(words)
            for scanner in self._scanners
            if scanner.begins_with(word)
        )
        hints = 0
        if _ANY_NEED.search(chunk):
            hints = sum(rule.bit for rule in RULES if any(need in chunk for need in rule.needs))
        if len(self) >= _MAX_CHUNKS:
            self.clear()
        self[chunk] = known = (words, begins, hints)
        return known


def _fits(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern
