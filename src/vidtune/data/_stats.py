"""A data set in numbers: classes, people, questions, answers. Counts only; no file is opened."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vidtune.data._samples import Sample


@dataclass(frozen=True)
class Spread:
    """Smallest, middle and largest of some numbers."""

    min: float
    median: float
    mean: float
    max: float


@dataclass(frozen=True)
class DatasetStats:
    """What a data set is made of."""

    num_samples: int
    num_videos: int
    num_subjects: int
    labels: Mapping[str, int]
    """Samples of each class, most frequent first."""

    num_unlabelled: int
    imbalance: float | None
    """Largest class over smallest; None with fewer than two classes."""

    effective_classes: float
    """Exponential of the entropy of the classes: as many classes of equal size would be as varied."""

    splits: Mapping[str, int]
    questions: Mapping[str, int]
    """Samples asking each question, most frequent first."""

    answers_per_question: Spread
    """Different answers to the same question. 1 means that the question alone gives the answer away."""

    num_answers: int
    answer_words: Spread
    num_turns: Spread
    errors: Mapping[str, int]
    """Samples of each form error, where errors are annotated."""

    duration_s: Spread | None
    total_duration_s: float | None

    def to_record(self) -> dict[str, Any]:
        """Return the numbers as JSON values."""
        return asdict(self)


def describe_dataset(samples: Sequence[Sample], *, durations_s: Mapping[str, float] | None = None) -> DatasetStats:
    """Count what ``samples`` are made of.

    Args:
        samples: At least one.
        durations_s: Length of each video by its path as written, when it is known.

    Raises:
        ValueError: If there are no samples.
    """
    if not samples:
        raise ValueError("there are no samples to describe, expected at least one")
    labels = _count(sample.label for sample in samples if sample.label is not None)
    answers: dict[str, set[str]] = {}
    for sample in samples:
        answers.setdefault(sample.question, set()).update([sample.answer] if sample.is_answered else [])
    lengths = (
        [durations_s[video] for video in {sample.video for sample in samples} if video in durations_s]
        if durations_s
        else []
    )
    return DatasetStats(
        num_samples=len(samples),
        num_videos=len({sample.video for sample in samples}),
        num_subjects=len({sample.subject for sample in samples if sample.subject is not None}),
        labels=labels,
        num_unlabelled=len(samples) - sum(labels.values()),
        imbalance=max(labels.values()) / min(labels.values()) if len(labels) > 1 else None,
        effective_classes=_effective_number(labels.values()),
        splits=_count(sample.split for sample in samples if sample.split is not None),
        questions=_count(sample.question for sample in samples),
        answers_per_question=_spread([len(different) for different in answers.values()]),
        num_answers=len({sample.answer for sample in samples if sample.is_answered}),
        answer_words=_spread([len(sample.answer.split()) for sample in samples if sample.is_answered] or [0]),
        num_turns=_spread([len(sample.turns) for sample in samples]),
        errors=_count(error for sample in samples for error in errors_of(sample)),
        duration_s=_spread(lengths) if lengths else None,
        total_duration_s=sum(lengths) if lengths else None,
    )


def errors_of(sample: Sample) -> tuple[str, ...]:
    """Return the names of the annotated form errors, each once; empty when there are none."""
    written = sample.meta.get("errors")
    if not isinstance(written, list):
        return ()
    names = [item.get("name", item.get("error")) if isinstance(item, dict) else item for item in written]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(min(values), statistics.median(values), statistics.fmean(values), max(values))


def _effective_number(counts: Iterable[int]) -> float:
    sizes = list(counts)
    total = sum(sizes)
    return math.exp(-sum(n / total * math.log(n / total) for n in sizes)) if sizes else 0.0
