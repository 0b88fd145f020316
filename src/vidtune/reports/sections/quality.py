"""Do the scores depend on how good the video is? The leading score against blur, exposure, resolution and motion."""

from __future__ import annotations

from typing import Any

import numpy as np

from vidtune.metrics import Interval, bootstrap_totals, mean_interval, percentile_interval
from vidtune.reports._cells import interval, number, signed, signed_interval
from vidtune.reports._charts import axis_end
from vidtune.reports._grid import Grid, Section, Span
from vidtune.reports._plot import SERIES, begin, finish
from vidtune.reports._quality import TABLES, Quality, read_quality
from vidtune.reports._view import Row, RunView

ORDER = 20
_MEASURES = {
    "sharpness": ("Sharpness", "variance of the Laplacian", "blurred", "sharp"),
    "brightness": ("Brightness", "mean grey, 0 to 255", "dark", "bright"),
    "resolution": ("Resolution", "megapixels", "small", "large"),
    "motion": ("Motion", "change between looked-at frames", "still", "moving"),
}
_MIN_SAMPLES = 12
_NUM_PARTS = 3
_NUM_RESAMPLES = 2_000
_HEADER = ("Third of the clips", "Values", "n", "Mean score", "95 % interval")


def build(view: RunView) -> Section | None:
    """Return the section; None only for a run without scores."""
    if not view.summaries:
        return None
    name, summary = next(iter(view.summaries.items()))
    lead = (
        f"{summary['label']} by thirds of the clips. It is a look, not an experiment: a blurred clip may also be of "
        "another person or exercise."
    )
    quality = read_quality(view)
    if quality is None:
        note = (
            "Not available: the run holds no pictures of what the model saw and no quality report. "
            f"`vidtune doctor DATA` measures the clips; put its {TABLES[-1]} into the run directory."
        )
        return Section("quality", "Video quality", lead, notes=(note,))
    told, tables, curves = [quality.source], [], []
    for measure, (title, unit, low_word, high_word) in _MEASURES.items():
        scored = _scored(view, quality, measure, summary["field"])
        values = [value for value, _, _ in scored]
        if len(scored) < _MIN_SAMPLES or len(set(values)) < _NUM_PARTS:
            told.append(f"{title}: not told apart ({_why(values)}).")
            continue
        if len({score for _, score, _ in scored}) == 1:
            told.append(f"{title}: not told apart (all {len(scored):,} scores are the same).")
            continue
        grid = _grid(measure, title, unit, (low_word, "middle", high_word), scored, summary["kind"])
        tables.append(grid)
        curves.append((title, grid.spans))
        told.append(_trend(title, low_word, high_word, scored, summary["kind"]))
    return Section(
        name="quality",
        title="Video quality",
        lead=lead,
        notes=tuple(told),
        tables=tuple(tables),
        draw=(lambda: _draw(curves, summary["label"], len(quality.by_row))) if curves else None,
    )


def _scored(view: RunView, quality: Quality, measure: str, field: str) -> list[tuple[float, float, str]]:
    """Return (measure, score, cluster) of each sample that has both."""
    return [
        (quality.by_row[row.number][measure], float(row.scores[field]), _cluster(view, row))
        for row in view.rows
        if row.scores.get(field) is not None and measure in quality.by_row.get(row.number, {})
    ]


def _cluster(view: RunView, row: Row) -> str:
    key = {"subject": "subject", "video": "video"}.get(view.metrics["cluster"], "sample_id")
    return str(row.record[key])


def _why(values: list[float]) -> str:
    if not values:
        return "not measured"
    return f"all {len(values)} alike" if len(set(values)) < _NUM_PARTS else f"only {len(values)} samples"


def _grid(
    measure: str, title: str, unit: str, words: tuple[str, ...], scored: list[tuple[float, float, str]], kind: str
) -> Grid:
    ordered = sorted(scored, key=lambda one: one[0])
    edges = [round(part * len(ordered) / _NUM_PARTS) for part in range(_NUM_PARTS + 1)]
    rows, spans = [], []
    for word, start, end in zip(words, edges, edges[1:], strict=False):
        part = ordered[start:end]
        values, clusters = [score for _, score, _ in part], [cluster for _, _, cluster in part]
        found = mean_interval(values, clusters, is_proportion=kind == "proportion", num_resamples=_NUM_RESAMPLES)
        mean = sum(values) / len(values)
        limits = f"{_amount(part[0][0])} to {_amount(part[-1][0])}"
        rows.append(
            (word, limits, f"{len(part):,}", number(mean, kind), interval(found.low, found.high, kind, found.method))
        )
        spans.append(Span(mean, found.low, found.high))
    header = (_HEADER[0], f"{title} ({unit})", *_HEADER[2:])
    return Grid(f"quality-{measure}", title, header, tuple(rows), tuple(spans), "Mean score")


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _trend(title: str, low_word: str, high_word: str, scored: list[tuple[float, float, str]], kind: str) -> str:
    """Return how the score moves from one end of the measure to the other, as a sentence."""
    slope, bounds = _slope(scored)
    ends = f"from the most {low_word} to the most {high_word} clip"
    told = f"{signed(slope, kind)} {ends} (95 % interval {signed_interval(bounds.low, bounds.high, kind)}, "
    told += f"n = {len(scored):,})"
    if bounds.low is None or bounds.high is None:
        why = bounds.method.removeprefix("none: ").partition(";")[0]
        return f"{title}: {told}; not known: {why}."
    if bounds.low <= 0 <= bounds.high:
        return f"{title}: no clear dependence; {told}."
    return f"{title}: the score {'rises' if slope > 0 else 'falls'}; {told}."


def _slope(scored: list[tuple[float, float, str]]) -> tuple[float, Interval]:
    """Return the straight line's rise over the ranks of the measure, brought to 0 to 1; bootstrap over clusters."""
    values = np.array([value for value, _, _ in scored])
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts + 1) / 2)[where] / (len(values) - 1)
    scores = np.array([score for _, score, _ in scored])
    clusters = [cluster for _, _, cluster in scored]
    rows_ns = np.stack([np.ones_like(ranks), ranks, scores, ranks * scores, ranks**2], axis=1)
    slope = float(_rise(rows_ns.sum(axis=0)[None])[0])
    drawn = _rise(bootstrap_totals(rows_ns, clusters, num_resamples=_NUM_RESAMPLES))
    return slope, percentile_interval(drawn, clusters)


def _rise(totals_bs: Any) -> Any:
    num, x, y, xy, xx = totals_bs.T
    spread = xx - x * x / num
    return np.where(spread > 1e-12, (xy - x * y / num) / np.where(spread > 1e-12, spread, 1), np.nan)


def _draw(curves: list[tuple[str, tuple[Span | None, ...]]], label: str, num: int) -> Any:
    figure, axes = begin(5.5, 3.4)
    for index, (title, spans) in enumerate(curves):
        shift = 0.08 * (index - (len(curves) - 1) / 2)
        known = [(at + shift, span) for at, span in enumerate(spans) if span is not None]
        for at, span in known:
            if span.low is not None and span.high is not None:
                axes.plot([at, at], [span.low, span.high], color=SERIES[index], linewidth=1.5)
        heights = [span.mean for _, span in known]
        axes.plot([at for at, _ in known], heights, "osD^"[index] + "-", color=SERIES[index], label=title)
    axes.set_xticks(range(_NUM_PARTS), ["lowest third", "middle", "highest third"])
    end = axis_end([at for _, spans in curves for span in spans if span for at in (span.mean, span.high)])
    axes.set_ylim(-0.02 * end, 1.02 * end)
    axes.set_ylabel(f"{label}, mean (n = {num:,})", fontsize=9)
    axes.grid(axis="y", color="#dddddd")
    return finish(figure, axes)
