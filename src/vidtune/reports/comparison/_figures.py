"""Figures of a comparison, fit for print: every run keeps its colour and its marker through all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from vidtune.reports._charts import axis_end
from vidtune.reports._plot import MARKERS, SERIES, SOFT, begin, finish, plain_label
from vidtune.reports._tables import class_text

if TYPE_CHECKING:
    from vidtune.reports._view import Row
    from vidtune.reports.comparison._pairs import Pair
    from vidtune.reports.comparison._read import Compared

_MAX_ROWS = 40


@dataclass(frozen=True)
class Dimension:
    """One axis of the radar."""

    label: str
    kind: str
    """``proportion`` or ``score``: how its values are written."""

    values: tuple[float, ...]
    """Of each run, from 0 to 1."""


def draw_scores(compared: Compared) -> Any:
    """Draw the mean of each run with its interval, score by score."""
    metrics = compared.metrics
    figure, axes = begin(7, 0.5 * len(metrics) + 0.18 * len(metrics) * len(compared.names) + 1.2)
    for index, (name, view) in enumerate(zip(compared.names, compared.views, strict=True)):
        heights = [at + _shift(index, len(compared.names)) for at in range(len(metrics))]
        found = [view.summaries[metric] for metric in metrics]
        for height, one in zip(heights, found, strict=True):
            if one["ci_low"] is not None:
                axes.plot([one["ci_low"], one["ci_high"]], [height] * 2, color=_colour(index), linewidth=1.5)
        means = [one["mean"] for one in found]
        label = f"{plain_label(name)} (n = {view.metrics['num_scored']})"
        axes.plot(means, heights, _marker(index), color=_colour(index), label=label)
    _name_rows(axes, [plain_label(str(summary["label"])) for summary in metrics.values()])
    end = axis_end([row[key] for row in _summaries(compared, metrics) for key in ("mean", "ci_high")])
    axes.set_xlim(-0.02 * end, 1.02 * end)
    axes.set_xlabel(f"mean and {compared.interval_title}, 0 to {end}")
    return finish(figure, axes)


def draw_pairs(compared: Compared) -> Any:
    """Draw the paired differences of the leading score."""
    found = [
        pair for a, b in combinations(compared.names, 2) if (pair := compared.pair(a, b, compared.leading)) is not None
    ][:_MAX_ROWS]
    if not found:
        return None
    figure, axes = begin(7, 0.34 * len(found) + 1.2)
    axes.axvline(0, color=SOFT, linewidth=1)
    summary = compared.metrics[compared.leading]
    scale, unit = (100, " in points") if summary["kind"] == "proportion" else (1, "")
    for at, pair in enumerate(found):
        if pair.low is not None and pair.high is not None:
            axes.plot([scale * pair.low, scale * pair.high], [at, at], color=SERIES[0], linewidth=3, alpha=0.5)
        filled = SERIES[0] if pair.is_clear else "white"
        axes.plot([scale * pair.difference], [at], "o", markerfacecolor=filled, markeredgecolor=SERIES[0])
    _name_rows(axes, [_pair_label(pair) for pair in found])
    axes.set_xlabel(
        f"difference of {plain_label(str(summary['label']))}{unit}, 95 % interval; filled: clear of 0", loc="right"
    )
    return figure


def draw_wins(compared: Compared) -> Any:
    """Draw wins, ties and losses of each pair on the leading score, as shares of the pairs."""
    from vidtune.reports.comparison._sections import wins_of

    found = [compared.pair(a, b, compared.leading) for a, b in combinations(compared.names, 2)]
    counted = [(pair, wins) for pair in found if pair is not None and (wins := wins_of(pair)) is not None][:_MAX_ROWS]
    if not counted:
        return None
    figure, axes = begin(7, 0.34 * len(counted) + 1.3)
    kinds = (("first named wins", "#8fc4ea", ""), ("tie", "#e6e6e6", ""), ("first named loses", "#f4b183", "//"))
    for kind, (label, colour, hatch) in enumerate(kinds):
        lefts = [sum(wins[:kind]) / sum(wins) for _, wins in counted]
        widths = [wins[kind] / sum(wins) for _, wins in counted]
        bars = axes.barh(
            range(len(counted)), widths, left=lefts, color=colour, hatch=hatch, edgecolor="white", label=label
        )
        axes.bar_label(bars, [str(wins[kind]) if wins[kind] else "" for _, wins in counted], label_type="center")
    _name_rows(axes, [_pair_label(pair, f"n = {sum(wins)}") for pair, wins in counted])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the samples that both answered; figures: samples")
    return finish(figure, axes, 3)


def draw_radar(compared: Compared, dimensions: Sequence[Dimension]) -> Any:
    """Draw every dimension on its own axis from 0 in the middle to 1, clockwise from the top."""
    figure, axes = begin(6.6, 6.2, subplot_kw={"projection": "polar"})
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    angles = [2 * math.pi * at / len(dimensions) for at in range(len(dimensions))]
    for index, name in enumerate(compared.names):
        values = [one.values[index] for one in dimensions]
        axes.plot(
            [*angles, angles[0]],
            [*values, values[0]],
            _marker(index) + "-",
            color=_colour(index),
            markersize=5,
            linewidth=1.5,
            label=plain_label(name),
        )
    axes.set_xticks(angles, [""] * len(angles))
    for angle, one in zip(angles, dimensions, strict=True):
        # Beside the circle, not centred on its line: a centred name would run into it.
        across, up = math.sin(angle), math.cos(angle)
        horizontal = "center" if abs(across) < 0.2 else "left" if across > 0 else "right"
        vertical = "center" if abs(up) < 0.9 else "bottom" if up > 0 else "top"
        name = "\n".join(wrap(plain_label(one.label), 16))
        axes.text(angle, 1.05, name, ha=horizontal, va=vertical, fontsize=8)
    axes.spines["polar"].set_color("#bbbbbb")
    axes.grid(color="#dddddd")
    axes.set_ylim(0, 1)
    axes.set_rlabel_position(180 / len(dimensions))
    axes.set_yticks([0.25, 0.5, 0.75, 1.0], ["0.25", "0.5", "0.75", "1"], fontsize=7, color=SOFT)
    return finish(figure, axes, 3)


def draw_classes(compared: Compared, by_class: Mapping[str, Sequence[Sequence[Row]]], field: str) -> Any:
    """Draw the mean of each class in every run, on the samples that all answered."""
    labels = sorted(by_class)[:_MAX_ROWS]
    figure, axes = begin(7, 0.34 * len(labels) + 1.3)
    for index, name in enumerate(compared.names):
        means = [
            sum(float(rows[index].scores[field]) for rows in by_class[label]) / len(by_class[label]) for label in labels
        ]
        heights = [at + _shift(index, len(compared.names)) for at in range(len(labels))]
        axes.plot(means, heights, _marker(index), color=_colour(index), label=plain_label(name))
    _name_rows(axes, [f"{plain_label(class_text(label))} (n = {len(by_class[label])})" for label in labels])
    end = axis_end([one.get_xdata()[at] for one in axes.lines for at in range(len(labels))])
    axes.set_xlim(-0.02 * end, 1.02 * end)
    axes.set_xlabel(f"mean of the class, 0 to {end}")
    return finish(figure, axes, 3)


def draw_pareto(compared: Compared) -> Any:
    """Draw the leading score against each cost that every run states; the line joins what nothing beats in both."""
    kinds = [
        ("mean time of a sample (s)", [cost.latency_s for cost in compared.costs]),
        ("peak memory (GiB)", [_scaled(cost.peak_memory_bytes, 2**30) for cost in compared.costs]),
        ("parameters (millions)", [_scaled(cost.num_parameters, 1e6) for cost in compared.costs]),
    ]
    known = [(label, [float(value) for value in values if value is not None]) for label, values in kinds]
    known = [(label, values) for label, values in known if len(values) == len(compared.names)]
    if not known or not compared.leading:
        return None
    scores = [view.summaries[compared.leading] for view in compared.views]
    end = axis_end([one[key] for one in scores for key in ("mean", "ci_high")])
    figure, grid = begin(1.9 + 1.9 * len(known), 3.2, ncols=len(known), squeeze=False, sharey=True)
    for axes, (label, values) in zip(grid[0], known, strict=True):
        means = [float(one["mean"]) for one in scores]
        edge = sorted((values[at], means[at]) for at in pareto(values, means))
        axes.plot(*zip(*edge, strict=True), color=SOFT, linestyle="--", linewidth=1, label="nothing is better in both")
        for index, (name, value, one) in enumerate(zip(compared.names, values, scores, strict=True)):
            if one["ci_low"] is not None:
                axes.plot([value] * 2, [one["ci_low"], one["ci_high"]], color=_colour(index), linewidth=1.5)
            axes.plot([value], [one["mean"]], _marker(index), color=_colour(index), label=plain_label(name))
        axes.set_xlabel(label, fontsize=9)
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlim(0, 1.15 * max(values) or 1)
        axes.set_ylim(-0.02 * end, 1.02 * end)
    label = plain_label(str(compared.metrics[compared.leading]["label"]))
    grid[0][0].set_ylabel(f"{label},\nmean and {compared.interval_title}", fontsize=8)
    return finish(figure, grid[0][0], 3)


def pareto(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return who is not beaten: nobody costs at most as much and scores at least as high, one of them strictly.

    Example:
        >>> pareto([1.0, 2.0, 3.0], [0.5, 0.4, 0.9])
        [0, 2]
    """
    points = list(zip(costs, scores, strict=True))
    return [
        at
        for at, (cost, score) in enumerate(points)
        if not any(c <= cost and s >= score and (c < cost or s > score) for c, s in points)
    ]


def _summaries(compared: Compared, metrics: Iterable[str]) -> list[Mapping[str, Any]]:
    return [view.summaries[metric] for view in compared.views for metric in metrics]


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit


def _pair_label(pair: Pair, count: str = "") -> str:
    told = f"{plain_label(pair.b, 24)} against {plain_label(pair.a, 24)}"
    return f"{told} ({count})" if count else told


def _name_rows(axes: Any, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x", color="#dddddd")
    axes.tick_params(axis="y", length=0)


def _shift(index: int, num: int) -> float:
    return (index - (num - 1) / 2) * min(0.18, 0.7 / num)


def _colour(index: int) -> str:
    return SERIES[index % len(SERIES)]


def _marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]
