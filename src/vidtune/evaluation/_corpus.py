"""Metrics of a whole set of answers: what no mean over answers gives. One file each, in the folder ``corpus``.

Each is a function of sums over samples, so that its interval comes from drawing whole clusters again, as elsewhere.

Axis letters: ``n`` samples, ``s`` numbers a sample, ``b`` draws, ``k`` clusters.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import BadUsage
from vidtune.core.registry import Registry, parts_in_folder
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation._settings import scored_with
from vidtune.metrics import Interval, bootstrap_totals, percentile_interval

Floats = NDArray[np.float64]


class CorpusMetric(Protocol):
    """A metric of a set of answers.

    It may also have ``describe(rows_ns) -> dict[str, float]`` for numbers that sums do not give, such as a median;
    those have no interval. ``rests_on(rows_ns) -> dict[str, NDArray[np.bool_]]`` for values that rest on a part of the
    answers: on which, so that they are not said to be of all. ``settings``, as in ``SampleMetric``: the fields of
    ``ScoringContext`` that its numbers depend on. And ``curves(texts, samples, context, rows_ns)`` for what is drawn
    and not printed, a ``dict[str, list[dict[str, float]]]`` of points by the name of the curve.
    """

    @property
    def label(self) -> str:
        """Name of the family for people."""

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return the numbers (n, s) that are added up; None where the metric does not apply.

        Args:
            texts: The answers.
            samples: What they answer.
            context: What metrics may know.
            values: What the metrics of single answers gave, by their names.
        """

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return the metric's values (b,) by name for several totals; NaN where a total allows none."""


_folder = importlib.import_module("vidtune.evaluation.corpus")
corpus_metrics: Registry[CorpusMetric] = Registry(
    "corpus_metric", parts_in_folder(_folder.__name__, _folder.__path__, "METRIC")
)
"""All of them by name; packages add theirs through the entry-point group ``vidtune.corpus_metric``."""


def corpus_block(
    names: Sequence[str],
    samples: Sequence[Prediction],
    clusters: Sequence[str],
    context: ScoringContext,
    values: Mapping[str, Sequence[float | None]],
    config: EvaluateConfig,
) -> tuple[dict[str, Any], dict[str, list[dict[str, float]]]]:
    """Return value and interval of each metric of ``names`` that applies, by the names of the values; and their curves.

    Raises:
        BadUsage: If there is no corpus metric of a name.
    """
    texts = [sample.text or "" for sample in samples]
    block: dict[str, Any] = {}
    curves: dict[str, list[dict[str, float]]] = {}
    for name in names:
        try:
            metric = corpus_metrics.get(name)
        except LookupError as exc:
            raise BadUsage(str(exc), "Name corpus metrics that there are.") from exc
        rows_ns = metric.rows(texts, samples, context, values) if samples else None
        if rows_ns is not None:
            settings = {"scored_with": scored_with(metric, context)}
            block |= {key: row | settings for key, row in _rows_of(metric, rows_ns, clusters, config).items()}
            draw = getattr(metric, "curves", None)
            curves |= draw(texts, samples, context, rows_ns) if draw else {}
    return block, curves


def _rows_of(metric: CorpusMetric, rows_ns: Floats, clusters: Sequence[str], config: EvaluateConfig) -> dict[str, Any]:
    found = metric.values(rows_ns.sum(axis=0, keepdims=True))
    drawn: Mapping[str, Floats] = {}
    if len(set(clusters)) > 1:
        totals_bs = bootstrap_totals(rows_ns, clusters, num_resamples=config.num_resamples, seed=config.seed)
        drawn = metric.values(totals_bs)
    values = {name: float(value[0]) for name, value in found.items() if np.isfinite(value[0])}
    rests_on = getattr(metric, "rests_on", None)
    parts = rests_on(rows_ns) if rests_on else {}
    clusters_of = {
        name: [
            cluster for cluster, is_in in zip(clusters, parts.get(name, [True] * len(rows_ns)), strict=True) if is_in
        ]
        for name in found
    }
    intervals = {
        name: percentile_interval(drawn.get(name, np.zeros(0)), clusters_of[name], confidence=config.confidence)
        for name in values
    }
    describe = getattr(metric, "describe", None)
    for name, number in (describe(rows_ns) if describe else {}).items():
        values[name] = float(number)
        intervals[name] = Interval(None, None, "none: a median or an area gets none", config.confidence)
    return {
        name: {
            "family": metric.label,
            "value": value,
            "ci_low": intervals[name].low,
            "ci_high": intervals[name].high,
            "confidence": config.confidence,
            "interval_method": intervals[name].method,
            "num_scored": len(clusters_of.get(name, clusters)),
            "num_clusters": len(set(clusters_of.get(name, clusters))),
        }
        for name, value in values.items()
    }
