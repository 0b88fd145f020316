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
class TypeStats:
    """The questions of one type."""

    num_samples: int
    num_answers: int
    """Different answers. 1 means that nothing about a model can be learned from this type."""

    commonest_share: float
    """Share of the commonest answer: what is right without looking."""


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

    types: Mapping[str, TypeStats]
    """By type of question, where the data tells types apart; most frequent first."""

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
        durations_s: Length of each video by its path as written, when it was measured; else what the data says of it.

    Raises:
        ValueError: If there are no samples.
    """
    if not samples:
        raise ValueError("there are no samples to describe, expected at least one")
    labels = _count(sample.label for sample in samples if sample.label is not None)
    answers: dict[str, set[str]] = {}
    for sample in samples:
        answers.setdefault(sample.question, set()).update([sample.answer] if sample.is_answered else [])
    written_s = {sample.video: sample.meta.get("duration_s") for sample in samples}
    told_s = {video: float(value) for video, value in written_s.items() if isinstance(value, int | float)}
    known_s = {**told_s, **(durations_s or {})}
    lengths = [known_s[video] for video in sorted(written_s) if video in known_s]
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
        types=_describe_types(samples),
        num_answers=len({sample.answer for sample in samples if sample.is_answered}),
        answer_words=_spread([len(sample.answer.split()) for sample in samples if sample.is_answered] or [0]),
        num_turns=_spread([len(sample.turns) for sample in samples]),
        errors=_count(error for sample in samples for error in errors_of(sample)),
        duration_s=_spread(lengths) if lengths else None,
        total_duration_s=sum(lengths) if lengths else None,
    )


def _describe_types(samples: Sequence[Sample]) -> dict[str, TypeStats]:
    by_type: dict[str, list[str]] = {}
    for sample in samples:
        kind = sample.meta.get("question_type")
        if kind is not None and sample.is_answered:
            short = sample.meta.get("short_answer")
            by_type.setdefault(str(kind), []).append(str(short if short else sample.answer).strip().lower())
    ordered = sorted(by_type.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        kind: TypeStats(len(answers), len(set(answers)), Counter(answers).most_common(1)[0][1] / len(answers))
        for kind, answers in ordered
    }


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
