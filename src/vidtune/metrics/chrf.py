"""chrF: F-score of character n-grams; forgiving of word forms, and therefore of opposite meanings too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_MAX_ORDER = 6
_BETA = 2.0


def chrf_counts(prediction: str, references: Sequence[str]) -> list[int]:
    """Return, for each order, the character n-grams of prediction, reference and both; 18 numbers that may be added.

    Of several references the one with which the prediction scores best counts.
    """
    own = _ngrams(prediction)
    rows = [_compare(own, _ngrams(reference)) for reference in references]
    return max(rows, key=chrf, default=[0] * (3 * _MAX_ORDER))


def chrf(counts: Sequence[float]) -> float:
    """Return chrF2 of added counts, 0 to 1.

    Source: Popović, "chrF: character n-gram F-score for automatic MT evaluation" (2015), as ``sacrebleu.CHRF`` with its
    default settings (which prints 100 times as much), against which it is tested.

    Example:
        >>> chrf(chrf_counts("knees", ["knees"]))
        1.0
    """
    precisions, recalls = [], []
    for place in range(0, 3 * _MAX_ORDER, 3):
        predicted, expected, common = counts[place : place + 3]
        if predicted > 0 and expected > 0:
            precisions.append(common / predicted)
            recalls.append(common / expected)
    if not precisions or not sum(precisions) + sum(recalls):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)


def _ngrams(text: str) -> list[Counter[str]]:
    letters = "".join(text.split())
    return [
        Counter(letters[start : start + order] for start in range(len(letters) - order + 1))
        for order in range(1, _MAX_ORDER + 1)
    ]


def _compare(own: Sequence[Counter[str]], other: Sequence[Counter[str]]) -> list[int]:
    row = []
    for first, second in zip(own, other, strict=True):
        # As sacrebleu: where the reference is too short for an order, the order does not count.
        row += [first.total() if second else 0, second.total(), (first & second).total()]
    return row
