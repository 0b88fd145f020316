"""Scores cheap enough to be computed while training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._protocol import DEFAULT, find_protocol
from vidtune.evaluation._reference import ReferenceSet, as_reference
from vidtune.evaluation._score import make_context
from vidtune.evaluation._scorer import metrics

if TYPE_CHECKING:
    from vidtune.data import Sample

_QUICK = ("exercise_identification", "feedback_error", "rouge_l")


def quick_metrics(predictions: Sequence[str], samples: Sequence[Sample]) -> dict[str, float]:
    """Return mean scores of ``predictions`` as answers to ``samples``, without embeddings or intervals.

    Data of a benchmark gets the leading metric of its protocol. The known wordings of errors are those of ``samples``
    themselves. A metric that applies to none
    of them is left out.

    Raises:
        ValueError: If there are not as many predictions as samples.
    """
    if len(predictions) != len(samples):
        raise ValueError(f"expected a prediction per sample; found {len(predictions)} for {len(samples)}.")
    references = as_reference(samples)
    context = make_context((), ReferenceSet(references, False, "the validation answers"), EvaluateConfig())
    means = {}
    for name in _names_for(references):
        values = [score.value for score in metrics.get(name).compute(predictions, references, context)]
        kept = [value for value in values if value is not None]
        if kept:
            means[name] = sum(kept) / len(kept)
    return means


def quick_metric_names(samples: Sequence[Sample]) -> frozenset[str]:
    """Return the scores that ``quick_metrics`` may have for such samples; one that applies to none is left out."""
    return frozenset(_names_for(as_reference(samples)))


def _names_for(references: Sequence[Prediction]) -> Sequence[str]:
    kind, protocol = find_protocol(references, None)
    return _QUICK if kind == DEFAULT else protocol.metrics[:1]
