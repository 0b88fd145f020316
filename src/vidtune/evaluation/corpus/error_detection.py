"""Which form errors are found, per type: F1 over all and per type, and average precision over nearness (RQ2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.metrics import NO_ERROR, precision_recall_curve


@dataclass(frozen=True)
class ErrorDetection:
    """Truth is ``errors`` of a sample, several or none; predicted is the error that the answer is read to name."""

    label: str = "Form errors"
    settings: tuple[str, ...] = ("catalogue", "wordings")

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return, for each type in four columns, whether it is true, predicted, both, and how near the answer is."""
        if len(context.wordings.by_error) < 2 or any(sample.errors is None for sample in samples):
            return None
        truths = [set(sample.errors or ()) for sample in samples]
        named = [context.wordings.identify(text, context.catalogue.identify(text)) for text in texts]
        said = [{name} - {NO_ERROR} if name else set() for name in named]
        names = _names(context, samples)
        nearness = [context.wordings.nearness_by_error(text) for text in texts]
        rows_ns = np.zeros((len(samples), 4 * len(names)))
        for row, (truth, found, near) in enumerate(zip(truths, said, nearness, strict=True)):
            for place, name in enumerate(names):
                is_true, is_said = name in truth, name in found
                rows_ns[row, 4 * place : 4 * place + 4] = is_true, is_said, is_true and is_said, near.get(name, 0.0)
        return rows_ns

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return F1 of all together and its mean over the types that are true of some clip."""
        true, said, both = totals_bs[:, 0::4], totals_bs[:, 1::4], totals_bs[:, 2::4]
        total = true.sum(axis=1) + said.sum(axis=1)
        each = np.divide(2 * both, true + said, out=np.zeros_like(both), where=true + said > 0)
        num_types = (true > 0).sum(axis=1)
        return {
            "error_f1_micro": np.divide(2 * both.sum(axis=1), total, out=np.full_like(total, np.nan), where=total > 0),
            "error_f1_macro": np.where(
                num_types > 0, (each * (true > 0)).sum(axis=1) / np.maximum(num_types, 1), np.nan
            ),
        }

    def describe(self, rows_ns: Floats) -> dict[str, float]:
        """Return the mean, over types, of the average precision by nearness."""
        areas = []
        for place in range(0, rows_ns.shape[1], 4):
            is_true = rows_ns[:, place].astype(bool)
            if is_true.any():
                areas.append(precision_recall_curve(list(rows_ns[:, place + 3]), list(is_true))[1])
        return {"error_map": float(np.mean(areas))} if areas else {}

    def curves(
        self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext, rows_ns: Floats
    ) -> dict[str, list[dict[str, float]]]:
        """Return precision and recall of each type over the nearness from which on it is called."""
        found = {}
        for number, name in enumerate(_names(context, samples)):
            is_true, near = rows_ns[:, 4 * number].astype(bool), rows_ns[:, 4 * number + 3]
            if is_true.any():
                points, _ = precision_recall_curve(list(near), list(is_true))
                found[f"error_{name}"] = [asdict(point) for point in points]
        return found


def _names(context: ScoringContext, samples: Sequence[Prediction]) -> list[str]:
    named = {name for sample in samples for name in sample.errors or ()}
    return sorted((named | set(context.wordings.by_error)) - {NO_ERROR})


METRIC = ErrorDetection()
