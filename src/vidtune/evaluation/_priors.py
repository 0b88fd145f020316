"""Baselines that need no video: what the best constant answer would have scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._reference import ReferenceSet
from vidtune.evaluation._scorer import SampleMetric, ScoringContext
from vidtune.evaluation.scorers.exercise_identification import true_exercise

_MIN_ANSWERS_PER_GROUP = 5
_MAX_CANDIDATES = 12
_MAX_JUDGES = 200


@dataclass(frozen=True)
class Baseline:
    """Scores of a baseline on the evaluated samples."""

    values: tuple[float | None, ...]
    description: str


def blind_prior(
    metric: SampleMetric, samples: Sequence[Prediction], reference: ReferenceSet, context: ScoringContext
) -> Baseline:
    """Score the best constant answer per question, or type of question: what can be had without looking.

    The constant is the one among the commonest reference answers to that question that scores best
    on the reference answers, by the same metric. Questions with fewer than five reference answers
    share one constant.
    """
    values = _score_constants(metric, samples, reference, context, lambda sample: sample.question_kind)
    return Baseline(values, f"best constant answer per question, chosen from {reference.description}")


def per_exercise_majority(
    metric: SampleMetric, samples: Sequence[Prediction], reference: ReferenceSet, context: ScoringContext
) -> Baseline | None:
    """Score the best constant answer per exercise: what can be had by knowing the exercise and no more."""
    if len(context.catalogue.classes) < 2:
        return None
    values = _score_constants(
        metric, samples, reference, context, lambda sample: true_exercise(sample, context.catalogue) or ""
    )
    described = f"true exercise given, best constant answer for it, chosen from {reference.description}"
    return Baseline(values, described)


def nearest_training(
    metric: SampleMetric, samples: Sequence[Prediction], answers: Sequence[str], context: ScoringContext
) -> Baseline:
    """Score the answers of the nearest training samples (``nearest_answers``): what memory gets without looking."""
    values = tuple(score.value for score in metric.compute(answers, samples, context))
    return Baseline(values, "answer of the nearest training sample: by question, then clip, time and person")


def _score_constants(
    metric: SampleMetric,
    samples: Sequence[Prediction],
    reference: ReferenceSet,
    context: ScoringContext,
    group_of: Callable[[Prediction], str],
) -> tuple[float | None, ...]:
    known = [sample for sample in reference.samples if sample.answer.strip()] or list(reference.samples)
    groups: dict[str, list[Prediction]] = {}
    for sample in known:
        groups.setdefault(group_of(sample), []).append(sample)
    large = {name: members for name, members in groups.items() if len(members) >= _MIN_ANSWERS_PER_GROUP}
    constants = {name: _best_constant(metric, members, context) for name, members in large.items()}
    needed = {group_of(sample) for sample in samples}
    fallback = "" if needed <= set(constants) else _best_constant(metric, known, context)
    texts = [constants.get(group_of(sample), fallback) for sample in samples]
    return tuple(score.value for score in metric.compute(texts, samples, context))


def _best_constant(metric: SampleMetric, members: Sequence[Prediction], context: ScoringContext) -> str:
    frequency = Counter(member.answer for member in members)
    candidates = [answer for answer, _ in frequency.most_common(_MAX_CANDIDATES)]
    if max(frequency.values()) == 1:
        candidates = [member.answer for member in _spread(members, _MAX_CANDIDATES)]
    judges = _spread(members, _MAX_JUDGES)

    def mean_score(candidate: str) -> float:
        scores = metric.compute([candidate] * len(judges), judges, context)
        values = [score.value for score in scores if score.value is not None]
        return sum(values) / len(values) if values else 0.0

    return max(candidates, key=mean_score)


def _spread(members: Sequence[Prediction], most: int) -> list[Prediction]:
    """Return at most ``most`` members, evenly spaced, the same ones every time."""
    step = max(1, -(-len(members) // most))
    return list(members[::step])
