"""Which form errors are found: per type, with its curve over confidence; several may be true of one clip."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DetectionScore:
    """How one type of error is found."""

    name: str
    num_true: int
    num_predicted: int
    num_found: int
    precision: float | None
    """None where it was never predicted."""
    recall: float | None
    """None where it is never true."""
    f1: float


def detection_scores(truths: Sequence[Collection[str]], predictions: Sequence[Collection[str]]) -> list[DetectionScore]:
    """Return precision, recall and F1 of each type, in the order of names; a sample may have none or several.

    Equal to ``sklearn.metrics.precision_recall_fscore_support`` on indicator rows, with undefined values said as None.

    Raises:
        ValueError: If the numbers differ.
    """
    if len(truths) != len(predictions):
        raise ValueError(f"expected as many predictions as truths; found {len(predictions)}, {len(truths)}.")
    names = sorted({name for row in [*truths, *predictions] for name in row})
    scores = []
    for name in names:
        num_true = sum(name in row for row in truths)
        num_predicted = sum(name in row for row in predictions)
        num_found = sum(name in truth and name in said for truth, said in zip(truths, predictions, strict=True))
        scores.append(
            DetectionScore(
                name,
                num_true,
                num_predicted,
                num_found,
                num_found / num_predicted if num_predicted else None,
                num_found / num_true if num_true else None,
                2 * num_found / (num_true + num_predicted) if num_true + num_predicted else 0.0,
            )
        )
    return scores


@dataclass(frozen=True)
class CurvePoint:
    """Everything at or above ``threshold`` is called an error."""

    threshold: float
    precision: float
    recall: float


def precision_recall_curve(confidences: Sequence[float], is_true: Sequence[bool]) -> tuple[list[CurvePoint], float]:
    """Return the curve from the highest threshold to the lowest, and the average precision.

    Average precision is the step-wise sum of precision over gains in recall; equal to
    ``sklearn.metrics.average_precision_score``. Equal confidences share a point.

    Raises:
        ValueError: If the numbers differ or nothing is true.
    """
    num_true = sum(is_true)
    if len(confidences) != len(is_true) or not num_true:
        raise ValueError(f"expected a confidence for each of several truths, one of them true; found {num_true} true.")
    ordered = sorted(zip(confidences, is_true, strict=True), key=lambda pair: -pair[0])
    points: list[CurvePoint] = []
    num_found = 0
    area, last_recall = 0.0, 0.0
    for count, (confidence, truth) in enumerate(ordered, start=1):
        num_found += truth
        if count < len(ordered) and ordered[count][0] == confidence:
            continue
        precision, recall = num_found / count, num_found / num_true
        area += precision * (recall - last_recall)
        last_recall = recall
        points.append(CurvePoint(confidence, precision, recall))
    return points, area
