"""Accuracy averaged over types of questions: what MLVU calls M-Avg. A large type does not outweigh a small one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation.scorers._texts import short_answers

_LEADING = ("choice_accuracy", "answer_named", "word_match")


@dataclass(frozen=True)
class MacroAccuracy:
    """The mean, over the types that occur, of the share of right answers of a type.

    Types that always have the same answer are in it, as benchmarks want it; a second value leaves them out.
    """

    label: str = "Macro average over question types"

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return, for each answer, whether it is right and that it is one, in the columns of its type."""
        found = next((values[name] for name in _LEADING if any(one is not None for one in values.get(name, ()))), None)
        types = sorted({_type_of(sample) for sample in samples} - {""})
        if found is None or not types:
            return None
        answers: dict[str, set[str]] = {}
        for sample in samples:
            answers.setdefault(_type_of(sample), set()).add(next(iter(short_answers(sample)), "").strip().lower())
        rows_ns = np.zeros((len(samples), 2 * len(types) + 2))
        for row, (sample, value) in enumerate(zip(samples, found, strict=True)):
            kind = _type_of(sample)
            if value is not None and kind:
                rows_ns[row, 2 * types.index(kind) : 2 * types.index(kind) + 2] = value, 1
                if len(answers[kind]) > 1:
                    rows_ns[row, -2:] = value, 1
        return rows_ns

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return the macro average, and the plain share of right answers where a type has more than one answer."""
        right, count = totals_bs[:, 0:-2:2], totals_bs[:, 1:-2:2]
        shares = np.divide(right, count, out=np.zeros_like(right), where=count > 0)
        num_types = (count > 0).sum(axis=1)
        kept = totals_bs[:, -1]
        return {
            "macro_accuracy": np.where(num_types > 0, shares.sum(axis=1) / np.maximum(num_types, 1), np.nan),
            "accuracy_without_single_answer_types": np.divide(
                totals_bs[:, -2], kept, out=np.full_like(kept, np.nan), where=kept > 0
            ),
        }

    def rests_on(self, rows_ns: Floats) -> dict[str, NDArray[np.bool_]]:
        """Return the answers to questions of a known type, and those of types that have more than one answer."""
        return {
            "macro_accuracy": rows_ns[:, 1:-2:2].sum(axis=1) > 0,
            "accuracy_without_single_answer_types": rows_ns[:, -1] > 0,
        }


def _type_of(sample: Prediction) -> str:
    return str(sample.meta.get("question_type") or "")


METRIC = MacroAccuracy()
