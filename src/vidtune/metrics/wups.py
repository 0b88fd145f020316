"""WUPS: right answers in other words count by how near the words are in WordNet."""

from __future__ import annotations

import re

from vidtune.metrics.wordnet import noun_similarity

_NOT_WORD = re.compile(r"[^a-z0-9 -]+")
_FAR = 0.1
_ARTICLES = frozenset({"a", "an", "the"})


def wups(prediction: str, answer: str, threshold: float = 0.9) -> float:
    """Return how well the words of a short answer cover those of the right one, and the other way round.

    The smaller of two products: over the words of one text, the similarity to the nearest word of the other. Equal
    words count 1; nouns by Wu-Palmer similarity, a tenth of it below ``threshold``; what WordNet has no noun for counts
    0. Source: Malinowski and Fritz, "A Multi-World Approach to Question Answering about Real-World Scenes" (2014), in
    which an answer is a set; here its words, as for NExT-QA's open questions.

    Args:
        prediction: A few words.
        answer: The right ones.
        threshold: 0.9 asks for nearly the same thing; 0 is lenient.

    Returns:
        0 to 1; an empty prediction scores 0.

    Example:
        >>> wups("dog", "dog"), round(wups("dog", "cat", 0.0), 4), round(wups("dog", "cat", 0.9), 4)
        (1.0, 0.8571, 0.0857)
    """
    said, wanted = _words(prediction), _words(answer)
    if not said or not wanted:
        return 0.0
    return min(_cover(said, wanted, threshold), _cover(wanted, said, threshold))


def _cover(words: list[str], others: list[str], threshold: float) -> float:
    product = 1.0
    for word in words:
        product *= max(_nearness(word, other, threshold) for other in others)
    return product


def _nearness(word: str, other: str, threshold: float) -> float:
    if word == other:
        return 1.0
    value = noun_similarity(word, other)
    if value is None:
        return 0.0
    return value if value >= threshold else _FAR * value


def _words(text: str) -> list[str]:
    words = _NOT_WORD.sub(" ", text.lower()).split()
    told = [word for word in words if word not in _ARTICLES]
    return list(dict.fromkeys(told or words))
