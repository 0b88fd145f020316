"""Which form error a piece of feedback names, judged by the known wordings of each error."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from vidtune.metrics.exercise import split_answer

NO_ERROR = "none"
"""Class of feedback that finds nothing wrong."""

_WORD = re.compile(r"[a-z0-9]+")
_MIN_SIMILARITY = 0.2
_SURE_SIMILARITY = 0.4


@dataclass(frozen=True)
class FeedbackWordings:
    """Known feedback sentences of each error.

    Args:
        by_error: Per error (``NO_ERROR`` for correct form) its wordings.
        errors_by_exercise: Which errors each exercise is known to have.
    """

    by_error: Mapping[str, tuple[str, ...]]
    errors_by_exercise: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many wordings are known."""
        return sum(map(len, self.by_error.values()))

    def identify(self, answer: str, exercise: str | None = None) -> str | None:
        """Return the error whose known wording is nearest to the feedback, or None if none is near.

        Nearness is the cosine of word and word-pair counts, weighted by how few wordings share them
        (idf): "inwards" against "outwards" decides where all other words agree. Below a cosine of 0.2
        nothing is claimed. Equal nearness goes to the error with more wordings equally near, then to
        the first in alphabetical order.

        Errors of the named exercise come first, for two exercises may have two names for what is said
        in the same words; all errors are considered when none of its own reaches a cosine of 0.4.

        It reads words, not meaning: a paraphrase that shares no words with any known wording is None.

        Args:
            answer: A whole answer; what precedes its separator (the exercise) is left out.
            exercise: The exercise that the answer names, if it names one.
        """
        nearness = self._nearness(split_answer(answer)[1])
        own = self.errors_by_exercise.get(exercise or "", frozenset())
        of_exercise = {index: value for index, value in nearness.items() if self._wordings[index][0] in own}
        if max(of_exercise.values(), default=0.0) >= _SURE_SIMILARITY:
            nearness = of_exercise
        best = max(nearness.values(), default=0.0)
        if best < _MIN_SIMILARITY:
            return None
        nearest = Counter(self._wordings[index][0] for index, value in nearness.items() if value > best - 1e-9)
        return min(nearest, key=lambda error: (-nearest[error], error))

    def nearness_by_error(self, answer: str) -> dict[str, float]:
        """Return how near an answer is to the nearest wording of each error, 0 to 1.

        Errors that it shares no word with are left out. It orders answers as a confidence does, and is not one.
        """
        found: dict[str, float] = {}
        for index, value in self._nearness(split_answer(answer)[1]).items():
            error = self._wordings[index][0]
            found[error] = max(value, found.get(error, 0.0))
        return found

    def _nearness(self, feedback: str) -> dict[int, float]:
        """Return the cosine with each known wording that shares a term, by its place in ``_wordings``."""
        cosines: dict[int, float] = {}
        for term, weight in _weigh(_terms(feedback), self._idf).items():
            for index, share in self._index.get(term, ()):
                cosines[index] = cosines.get(index, 0.0) + weight * share
        return cosines

    @cached_property
    def _idf(self) -> dict[str, float]:
        distinct = {wording for wordings in self.by_error.values() for wording in wordings}
        frequency = Counter(term for wording in distinct for term in set(_terms(wording)))
        return {term: math.log(1 + len(distinct) / count) for term, count in frequency.items()}

    @cached_property
    def _wordings(self) -> list[tuple[str, str]]:
        return [(error, wording) for error in sorted(self.by_error) for wording in self.by_error[error]]

    @cached_property
    def _index(self) -> dict[str, list[tuple[int, float]]]:
        """For each term the wordings that hold it, with its share in their length-one vectors."""
        index: dict[str, list[tuple[int, float]]] = {}
        for number, (_, wording) in enumerate(self._wordings):
            for term, weight in _weigh(_terms(wording), self._idf).items():
                index.setdefault(term, []).append((number, weight))
        return index


def collect_wordings(
    answers: Sequence[str], errors: Sequence[Sequence[str] | None], exercises: Sequence[str | None] | None = None
) -> FeedbackWordings:
    """Return the distinct feedback sentences of each error in a set of answers.

    Args:
        answers: Reference answers.
        errors: Of each answer, the errors it names: empty for correct form, None where unknown.
            Answers with several errors teach no wording, for it cannot be told which words mean which.
        exercises: Of each answer its exercise, where known.
    """
    by_error: dict[str, set[str]] = {}
    by_exercise: dict[str, set[str]] = {}
    for answer, named, exercise in zip(answers, errors, exercises or [None] * len(answers), strict=True):
        feedback = split_answer(answer)[1]
        if named is None or len(named) > 1 or not feedback:
            continue
        error = named[0] if named else NO_ERROR
        by_error.setdefault(error, set()).add(feedback)
        if exercise:
            by_exercise.setdefault(exercise, set()).add(error)
    return FeedbackWordings(
        {error: tuple(sorted(wordings)) for error, wordings in sorted(by_error.items())},
        {exercise: frozenset(found) for exercise, found in by_exercise.items()},
    )


def _terms(text: str) -> list[str]:
    words = _WORD.findall(text.lower())
    return words + [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]


def _weigh(terms: Sequence[str], idf: Mapping[str, float]) -> dict[str, float]:
    unseen = max(idf.values(), default=1.0)
    weights = {term: count * idf.get(term, unseen) for term, count in Counter(terms).items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {term: weight / length for term, weight in weights.items()} if length else {}
