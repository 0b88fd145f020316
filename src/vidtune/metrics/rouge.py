"""ROUGE: how many words, pairs of words, or how long a common subsequence two texts share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

_ALPHANUMERIC = re.compile(r"[a-z0-9]+")
_NUM_TEXTS = 4_096
"""How many texts are kept counted: a fixed answer is compared with thousands, and models repeat themselves."""


def rouge_l(prediction: str, reference: str) -> float:
    """Return the ROUGE-L F-measure of ``prediction`` against ``reference``, without stemming.

    The F-measure of precision and recall of the longest common subsequence of lower-case
    alphanumeric words. Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004);
    equal to ``rouge_score.rouge_scorer.RougeScorer(["rougeL"])``, against which it is tested.

    Returns:
        0.0 to 1.0; 0.0 when either text has no words.

    Example:
        >>> rouge_l("squats - knees cave inwards", "squats - knees cave outwards")
        0.75
    """
    predicted, expected = _words(prediction), _words(reference)
    if not predicted or not expected:
        return 0.0
    if predicted == expected:
        return 1.0
    common = _num_in_order(_places(prediction), len(predicted), expected)
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(expected)
    return 2 * precision * recall / (precision + recall)


def rouge_n(prediction: str, reference: str, order: int) -> float:
    """Return the F-measure of common n-grams of ``order`` words, without stemming.

    Source: Lin (2004); equal to ``rouge_score.rouge_scorer.RougeScorer(["rouge1", "rouge2"])``, against which it is
    tested.

    Example:
        >>> rouge_n("knees cave inwards", "knees cave outwards", 2)
        0.5
    """
    said, wanted = _words(prediction), _words(reference)
    if said == wanted:
        return float(len(said) >= order)
    predicted, expected = _ngrams(said, order), _ngrams(wanted, order)
    common = _num_shared(predicted, expected)
    if not common:
        return 0.0
    precision, recall = common / len(predicted), common / len(expected)
    return 2 * precision * recall / (precision + recall)


def caption_rouge_l(prediction: Sequence[str], references: Sequence[Sequence[str]], beta: float = 1.2) -> float:
    """Return ROUGE-L of a caption against several, as caption benchmarks report it.

    Precision and recall of the longest common subsequence, each the best over the references, in an F-measure that
    leans to recall. Source: coco-caption's ``rouge``, against which it is tested; not the same as ``rouge_l``.

    Args:
        prediction: Words of the caption.
        references: Words of each reference.
        beta: How much recall weighs.
    """
    if not prediction:
        return 0.0
    common = [
        (longest_common_subsequence(prediction, reference), len(reference)) for reference in references if reference
    ]
    precision = max((shared / len(prediction) for shared, _ in common), default=0.0)
    recall = max((shared / size for shared, size in common), default=0.0)
    if not precision or not recall:
        return 0.0
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of two sequences of words.

    Bit-parallel: one machine operation per word of ``second`` for every 64 words of ``first``.
    Source: Hyyrö, "Bit-parallel LCS-length computation revisited" (2004).
    """
    return _num_in_order(_bits_by_word(first), len(first), second)


def _num_in_order(bits_by_word: Mapping[str, int], num_words: int, second: Sequence[str]) -> int:
    ones = (1 << num_words) - 1
    row = ones
    for bits in map(bits_by_word.get, second):
        if bits:
            matches = row & bits
            row = ((row + matches) | (row - matches)) & ones
    return num_words - row.bit_count()


def _bits_by_word(words: Sequence[str]) -> dict[str, int]:
    """Return, for each word, a number with a bit for each of its places."""
    found: dict[str, int] = {}
    bit = 1
    for word in words:
        found[word] = found.get(word, 0) | bit
        bit <<= 1
    return found


@lru_cache(maxsize=50_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_ALPHANUMERIC.findall(text.lower()))


@lru_cache(maxsize=_NUM_TEXTS)
def _places(text: str) -> Mapping[str, int]:
    return _bits_by_word(_words(text))


def _ngrams(words: tuple[str, ...], order: int) -> Sequence[object]:
    return words if order == 1 else list(zip(*(words[start:] for start in range(order)), strict=False))


def _num_shared(first: Sequence[object], second: Sequence[object]) -> int:
    """Return how many items two sequences share, each counted as often as both have it."""
    left: dict[object, int] = {}
    for item in first:
        left[item] = left.get(item, 0) + 1
    num_shared = 0
    for item in second:
        count = left.get(item, 0)
        if count:
            num_shared += 1
            left[item] = count - 1
    return num_shared
