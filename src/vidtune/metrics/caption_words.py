"""Words of captions as the COCO caption evaluation splits them."""

from __future__ import annotations

from functools import lru_cache

from vidtune.metrics.meteor import meteor_words

_LEFT_OUT = frozenset({"''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"})
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "{": "-lcb-", "}": "-rcb-", "[": "-lsb-", "]": "-rsb-"}
"""The evaluation means to leave brackets out and misses them, for it looks for capitals; figures depend on that."""
_ABBREVIATIONS = frozenset(
    {"mr.", "mrs.", "ms.", "dr.", "st.", "vs.", "jr.", "sr.", "prof.", "etc.", "inc.", "e.g.", "i.e."}
)


@lru_cache(maxsize=100_000)
def caption_words(text: str) -> tuple[str, ...]:
    """Return the words of a caption: Penn Treebank tokens in lower case, without punctuation.

    Source: ``PTBTokenizer`` of coco-caption, which runs the Stanford tokeniser in Java; here the Treebank rules of
    nltk. They agree on the captions of the shared fixture; they may differ at rare typography.

    Example:
        >>> caption_words("A man doesn't cut (the) bread.")
        ('a', 'man', 'does', "n't", 'cut', '-lrb-', 'the', '-rrb-', 'bread')
    """
    words = (word.lower() for word in meteor_words(" ".join(text.split())))
    return tuple(_BRACKETS.get(word, word) for word in map(_without_stop, words) if word not in _LEFT_OUT)


def _without_stop(word: str) -> str:
    """Return a word without the full stop of a sentence; the Treebank rules take off the last one of a text alone."""
    is_stop = word.endswith(".") and word[:-1].isalpha() and len(word) > 2 and word not in _ABBREVIATIONS
    return word[:-1] if is_stop else word
