"""Texts cut into words, with what is known of every word before a text is read: what it can begin, what it hints at.

Words recur though texts do not. So each is looked up in the patterns once, and a text is read by looking up its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from vidtune.metrics.slots._grammar import RULES, Rule

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_WORD_OR_STAR = re.compile(r"[a-z0-9]+(?:'[a-z]+)?\*?")
_ANY_NEED = re.compile("|".join(sorted({re.escape(need) for rule in RULES for need in rule.needs})))
_NUM_LETTERS = 2
"""Of a word, by which the patterns that it may begin are looked up."""

_MAX_CHUNKS = 100_000


class _Entry(NamedTuple):
    """A pattern and the name it stands for."""

    words: tuple[str, ...]
    name: str


class _Beginning(NamedTuple):
    """The patterns that a word can begin."""

    entries: tuple[_Entry, ...]
    """Longest first."""

    seconds: frozenset[str] | None
    """What can be the second word where all patterns have one; None where a word alone or a star may do."""


Found = tuple[str, int, int]
"""A name, and the places of the first and the last word that stand for it."""


class Chunk(NamedTuple):
    """What is known of something that stands between blanks."""

    words: tuple[str, ...]
    begins: tuple[tuple[Scanner, int], ...]
    """The scanners of which a pattern can begin there, with the place of the word that begins it."""

    hints: int


class Told:
    """A text in lower case, as far as its words are known.

    Args:
        text: What is said.
        vocabulary: What is known of words.
    """

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        words: list[str] = []
        begins: dict[Scanner, list[int]] = {}
        hints = 0
        for chunk in text.split():
            said, starts, hint = vocabulary[chunk]
            if starts:
                for scanner, place in starts:
                    if scanner in begins:
                        begins[scanner].append(len(words) + place)
                    else:
                        begins[scanner] = [len(words) + place]
            words += said
            hints |= hint
        self.words: Sequence[str] = words
        self.begins: Mapping[Scanner, Sequence[int]] = begins
        """For each scanner, the places of the words that can begin a pattern of it."""
        self.hints = hints

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
                self._by_start.setdefault(words[0][:_NUM_LETTERS], []).append(_Entry(words, name))
        for candidates in self._by_start.values():
            candidates.sort(key=lambda one: (-len(one.words), -sum(map(len, one.words))))
        self._by_word: dict[str, _Beginning] = {}

    @property
    def starts(self) -> Iterable[str]:
        """The first letters of words that can begin a pattern."""
        return self._by_start

    def begins_with(self, word: str) -> bool:
        """Whether a pattern can begin with ``word``; which ones is worked out once for each word."""
        if word not in self._by_word:
            found = [entry for entry in self._by_start.get(word[:_NUM_LETTERS], ()) if _fits(word, entry.words[0])]
            if not found:
                return False  # most words; they are not kept
            is_open = any(len(entry.words) == 1 or entry.words[1][-1] == "*" for entry in found)
            seconds = None if is_open else frozenset(entry.words[1] for entry in found)
            self._by_word[word] = _Beginning(tuple(found), seconds)
        return True

    def find(self, told: Told) -> list[Found]:
        """Return what is found, in the order of the text, without overlaps."""
        places = told.begins.get(self)
        return self._match(told.words, places) if places else []

    def names(self, told: Told, without: Sequence[Found] = ()) -> list[str]:
        """Return the names that are found, each once; with ``without``, as if those words were not there."""
        places = told.begins.get(self)
        if not places:
            return []
        words = told.words
        if without:
            gone = {place for _, first, last in without for place in range(first, last + 1)}
            words = [word for place, word in enumerate(words) if place not in gone]
            places = [place for place, word in enumerate(words) if word in self._by_word]
        found = self._match(words, places)
        return [found[0][0]] if len(found) == 1 else list(dict.fromkeys([name for name, _, _ in found]))

    def _match(self, words: Sequence[str], places: Iterable[int]) -> list[Found]:
        found: list[Found] = []
        following = 0
        by_word = self._by_word
        for place in places:
            if place < following:
                continue
            entries, seconds = by_word[words[place]]
            if seconds is not None and (place + 1 == len(words) or words[place + 1] not in seconds):
                continue
            for pattern, name in entries:
                size = len(pattern)
                if size == 1 or _follow(words, place, pattern):
                    following = place + size
                    found.append((name, place, following - 1))
                    break
        return found


class Vocabulary(dict[str, Chunk]):
    """For what stands between blanks: its words, which scanners each of them can begin a pattern of, and its hints.

    Args:
        scanners: Of a lexicon.
    """

    def __init__(self, scanners: Iterable[Scanner]) -> None:
        super().__init__()
        self._scanners = tuple(scanners)
        self._starts = frozenset(start for scanner in self._scanners for start in scanner.starts)

    def hints_of(self, text: str) -> int:
        """Return the hints of a text, which need no more than that."""
        hints = 0
        for chunk in text.split():
            hints |= self[chunk].hints
        return hints

    def __missing__(self, chunk: str) -> Chunk:
        words = tuple(_WORD.findall(chunk))
        begins = tuple(
            (scanner, place)
            for place, word in enumerate(words)
            if word[:_NUM_LETTERS] in self._starts
            for scanner in self._scanners
            if scanner.begins_with(word)
        )
        hints = 0
        if _ANY_NEED.search(chunk):
            hints = sum(rule.bit for rule in RULES if any(need in chunk for need in rule.needs))
        if len(self) >= _MAX_CHUNKS:
            self.clear()
        self[chunk] = known = Chunk(words, begins, hints)
        return known


def _follow(words: Sequence[str], place: int, pattern: tuple[str, ...]) -> bool:
    """Whether the words after the first of a pattern follow."""
    rest = words[place + 1 : place + len(pattern)]
    return len(rest) == len(pattern) - 1 and all(map(_fits, rest, pattern[1:]))


def _fits(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern[-1] == "*" else word == pattern
