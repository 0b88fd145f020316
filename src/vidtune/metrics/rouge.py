"""ROUGE-L: how much of two texts is one common subsequence of words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")


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
    common = longest_common_subsequence(predicted, expected)
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(expected)
    return 2 * precision * recall / (precision + recall)


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of two sequences of words.

    Bit-parallel: one machine operation per word of ``second`` for every 64 words of ``first``.
    Source: Hyyrö, "Bit-parallel LCS-length computation revisited" (2004).
    """
    positions: dict[str, int] = {}
    for index, word in enumerate(first):
        positions[word] = positions.get(word, 0) | (1 << index)
    ones = (1 << len(first)) - 1
    row = ones
    for word in second:
        matches = row & positions.get(word, 0)
        row = ((row + matches) | (row - matches)) & ones
    return len(first) - row.bit_count()


@lru_cache(maxsize=50_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in _NOT_ALPHANUMERIC.sub(" ", text.lower()).split(" ") if word)
