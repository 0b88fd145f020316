"""How much two nouns have in common, by WordNet's kinds of things: Wu-Palmer similarity as nltk computes it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from vidtune.metrics.wordnet._synonyms import base_forms_of_noun


@lru_cache(maxsize=200_000)
def noun_similarity(first: str, second: str) -> float | None:
    """Return the Wu-Palmer similarity of the nearest senses of two nouns; None if either is no noun of WordNet.

    Source: Wu and Palmer, "Verb Semantics and Lexical Selection" (1994), as nltk's ``wup_similarity`` on WordNet 3.0,
    the largest over all senses; tested against it.

    Example:
        >>> round(noun_similarity("dog", "cat") or 0, 4)
        0.8571
    """
    senses, others = _senses_of(first), _senses_of(second)
    if not senses or not others:
        return None
    return max((_similarity(one, other) for one in senses for other in others), default=0.0)


@dataclass(frozen=True)
class _Nouns:
    parents: list[tuple[int, ...]]
    by_word: dict[str, tuple[int, ...]]


@cache
def _nouns() -> _Nouns:
    packed = resources.files(__package__).joinpath("nouns.txt.gz").read_bytes()
    parents: list[tuple[int, ...]] = []
    by_word: dict[str, list[int]] = {}
    for number, line in enumerate(gzip.decompress(packed).decode().splitlines()):
        above, _, words = line.partition("|")
        parents.append(tuple(map(int, above.split())))
        for word in words.split():
            by_word.setdefault(word, []).append(number)
    return _Nouns(parents, {word: tuple(numbers) for word, numbers in by_word.items()})


@lru_cache(maxsize=50_000)
def _senses_of(word: str) -> tuple[int, ...]:
    found = (_nouns().by_word.get(form, ()) for form in sorted(base_forms_of_noun(word.lower())))
    return tuple(dict.fromkeys(number for numbers in found for number in numbers))


@lru_cache(maxsize=200_000)
def _similarity(first: int, second: int) -> float:
    up, other_up = _distances(first), _distances(second)
    common = up.keys() & other_up.keys()
    if not common:
        return 0.0
    deepest = max(_min_depth(number) for number in common)
    lowest = sorted(number for number in common if _min_depth(number) == deepest)
    # As nltk: a sense that is itself above the other stands for both; else the first by name.
    meeting = first if first in lowest else lowest[0]
    depth = _max_depth(meeting) + 1
    return 2.0 * depth / (_shortest(up, meeting) + _shortest(other_up, meeting) + 2 * depth)


def _shortest(up: dict[int, int], meeting: int) -> int:
    """Return the fewest steps to ``meeting``, which may lead over something above it: a person is also an agent."""
    above = _distances(meeting)
    return min(steps + above[number] for number, steps in up.items() if number in above)


@lru_cache(maxsize=50_000)
def _distances(number: int) -> dict[int, int]:
    """Return all that a sense is a kind of, with the fewest steps to each; itself at 0."""
    steps = {number: 0}
    level = [number]
    while level:
        above = [parent for one in level for parent in _nouns().parents[one] if parent not in steps]
        for one in level:
            for parent in _nouns().parents[one]:
                steps.setdefault(parent, steps[one] + 1)
        level = list(dict.fromkeys(above))
    return steps


@lru_cache(maxsize=100_000)
def _min_depth(number: int) -> int:
    return min((1 + _min_depth(parent) for parent in _nouns().parents[number]), default=0)


@lru_cache(maxsize=100_000)
def _max_depth(number: int) -> int:
    return max((1 + _max_depth(parent) for parent in _nouns().parents[number]), default=0)
