"""Which words share a WordNet synset with a word, in the way nltk's METEOR looks them up."""

from __future__ import annotations

import gzip
from functools import cache, lru_cache
from importlib import resources

_SUFFIXES = {
    "noun": (
        ("s", ""),
        ("ses", "s"),
        ("ves", "f"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ),
    "verb": (
        ("s", ""),
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}
"""How WordNet's morphology finds base forms of regular words: replace the first by the second."""


@lru_cache(maxsize=100_000)
def synonyms_of(word: str) -> frozenset[str]:
    """Return the single lower-case words that share a synset with ``word`` or with a base form of it.

    Equal to what ``nltk.translate.meteor_score`` takes from the full WordNet 3.0, less the names
    that can never equal a lower-cased word; tested against it.

    Args:
        word: A lower-case word, ``_`` for a space.

    Example:
        >>> sorted(synonyms_of("squats"))[:3]
        ['crouch', 'diddley', 'diddly']
    """
    found: set[str] = set()
    for part, (synsets_by_word, exceptions) in _table().items():
        for form in _base_forms(word, part, exceptions):
            for synset in synsets_by_word.get(form, ()):
                # Names with capitals can be looked up ("paris") but cannot equal a lower-cased word.
                found.update(word for word in synset.split(" ") if "_" not in word and word == word.lower())
    return frozenset(found)


def base_forms_of_noun(word: str) -> set[str]:
    """Return a noun and the forms that it may be the plural of."""
    return _base_forms(word, "noun", _table()["noun"][1])


def _base_forms(word: str, part: str, exceptions: dict[str, list[str]]) -> set[str]:
    if word in exceptions:
        return {word, *exceptions[word]}
    return {word, *(word[: -len(old)] + new for old, new in _SUFFIXES[part] if word.endswith(old))}


@cache
def _table() -> dict[str, tuple[dict[str, list[str]], dict[str, list[str]]]]:
    """Per part of speech: synsets, their words as one text, by each word; and base forms by irregular form."""
    packed = resources.files(__package__).joinpath("synonyms.txt.gz").read_bytes()
    table: dict[str, tuple[dict[str, list[str]], dict[str, list[str]]]] = {}
    for line in gzip.decompress(packed).decode().splitlines():
        if line.startswith("= "):
            synsets_by_word, exceptions = table[line[2:]] = ({}, {})
        elif line.startswith("! "):
            form, *bases = line[2:].split()
            exceptions[form] = bases
        else:
            for word in line.lower().split(" "):
                synsets_by_word.setdefault(word, []).append(line)
    return table
