"""Per-class precision, recall and F1, balanced accuracy and the confusion matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

NOT_IDENTIFIED = "(not identified)"
"""Column of the confusion matrix for predictions that name no class."""


@dataclass(frozen=True)
class ClassScore:
    """How one class fared."""

    label: str
    num_samples: int
    """How often it is the truth."""
    num_correct: int
    precision: float | None
    """None when the class was never predicted."""
    recall: float | None
    """None when the class is never the truth."""
    f1: float


@dataclass(frozen=True)
class ClassificationReport:
    """Scores of a classification; a prediction of None is wrong and has a column of its own."""

    classes: tuple[ClassScore, ...]
    accuracy: float
    balanced_accuracy: float
    """Mean recall over the classes that occur; a constant answer gets one divided by their number."""
    macro_f1: float
    labels: tuple[str, ...]
    """Rows and columns of the confusion matrix."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows are the truth, columns the prediction."""


def classification_report(truths: Sequence[str], predictions: Sequence[str | None]) -> ClassificationReport:
    """Score predicted classes against true ones. Equal to scikit-learn's definitions (absent class: 0 for F1).

    Raises:
        ValueError: If there is nothing to score, or the lengths differ.
    """
    if not truths or len(truths) != len(predictions):
        raise ValueError(
            f"expected as many predictions as truths, at least one; found {len(predictions)}, {len(truths)}."
        )
    named = [NOT_IDENTIFIED if prediction is None else prediction for prediction in predictions]
    pairs = Counter(zip(truths, named, strict=True))
    labels = sorted({*truths, *named} - {NOT_IDENTIFIED})
    columns = (*labels, NOT_IDENTIFIED) if NOT_IDENTIFIED in named else tuple(labels)
    num_true, num_named = Counter(truths), Counter(named)
    classes = [_score_class(label, pairs[label, label], num_true[label], num_named[label]) for label in labels]
    present = [score for score in classes if score.num_samples]
    return ClassificationReport(
        classes=tuple(classes),
        accuracy=sum(score.num_correct for score in classes) / len(truths),
        balanced_accuracy=sum(score.recall or 0.0 for score in present) / len(present),
        macro_f1=sum(score.f1 for score in classes) / len(classes),
        labels=columns,
        confusion=tuple(tuple(pairs[truth, column] for column in columns) for truth in columns),
    )


def _score_class(label: str, num_correct: int, num_true: int, num_named: int) -> ClassScore:
    return ClassScore(
        label=label,
        num_samples=num_true,
        num_correct=num_correct,
        precision=num_correct / num_named if num_named else None,
        recall=num_correct / num_true if num_true else None,
        f1=2 * num_correct / (num_true + num_named) if num_true + num_named else 0.0,
    )
