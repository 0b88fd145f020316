"""Calibration: how often the model was right when it was so sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.core.wording import counted
from vidtune.metrics import wilson_interval
from vidtune.reports._cells import interval, interval_title, percent
from vidtune.reports._grid import Grid, Section, Span
from vidtune.reports._plot import INK, begin, finish
from vidtune.reports._view import RunView

ORDER = 10
_INTERVALS = "Intervals are Wilson's, as if every answer stood alone; several of one person make them wider."


def build(view: RunView) -> Section | None:
    """Return the section, or None where scoring found no confidences."""
    curve = (view.metrics.get("curves") or {}).get("reliability") or []
    bins = [one for one in curve if one.get("num") and one.get("accuracy") is not None]
    if not bins:
        return None
    rows = tuple(
        (
            f"{one['low']:.2f} to {one['high']:.2f}",
            f"{one['num']:,}",
            percent(one["confidence"]),
            percent(one["accuracy"]),
            interval(*_bounds(one), "proportion"),
            f"{100 * (one['accuracy'] - one['confidence']):+.1f} points",
        )
        for one in bins
    )
    num = sum(one["num"] for one in bins)
    gap = sum(one["num"] * (one["accuracy"] - one["confidence"]) for one in bins) / num
    grid = Grid(
        name="calibration",
        title="How sure, how often right",
        header=("Confidence", "n", "Mean confidence", "Right", "95 % interval", "Right minus confidence"),
        rows=rows,
        spans=tuple(Span(one["accuracy"], *_bounds(one), beside=one["confidence"]) for one in bins),
        span_title="Right (dot), mean confidence (ring)",
    )
    return Section(
        name="calibration",
        title="Calibration",
        lead=(
            "Answers sorted by the model's own confidence, the mean probability of its tokens. "
            "Well calibrated is: as often right as it is sure."
        ),
        notes=(f"{_describe(gap)} on average over {counted(num, 'answer')}.", _INTERVALS, *_errors(view)),
        tables=(grid,),
        draw=lambda: _draw(bins, num),
    )


def _bounds(one: Mapping[str, Any]) -> tuple[float | None, float | None]:
    found = wilson_interval(round(one["accuracy"] * one["num"]), one["num"])
    return found.low, found.high


def _describe(gap: float) -> str:
    if abs(gap) < 0.005:
        return "It is right about as often as it is sure"
    word = "more often right than it is sure, by" if gap > 0 else "surer than it is right, by"
    return f"It is {word} {abs(100 * gap):.1f} points"


def _errors(view: RunView) -> list[str]:
    found = []
    for name, row in (view.metrics.get("corpus") or {}).items():
        if name == "calibration_error":
            bounds = (
                ""
                if row["ci_low"] is None
                else f" ({interval_title(row.get('confidence', 0.95))} {row['ci_low']:.3f} to {row['ci_high']:.3f})"
            )
            found.append(f"{name.replace('_', ' ').capitalize()}: {row['value']:.3f}{bounds}, n = {row['num_scored']}.")
    return found


def _draw(bins: list[dict[str, Any]], num: int) -> Any:
    figure, axes = begin(3.9, 4.2)
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="as often right as sure")
    axes.plot(
        [one["confidence"] for one in bins],
        [one["accuracy"] for one in bins],
        "o-",
        color=INK,
        linewidth=1,
        label=f"this model, n = {num:,} (at each dot: its n)",
    )
    for index, one in enumerate(bins):
        place = (one["confidence"], one["accuracy"])
        axes.plot([place[0]] * 2, _bounds(one), color=INK, alpha=0.35, linewidth=4, solid_capstyle="round")
        beside = (5, -10) if index % 2 else (5, 3)  # neighbours lie close: not all on one side
        axes.annotate(f"{one['num']:,}", place, beside, textcoords="offset points", fontsize=8)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("mean confidence (probability)")
    axes.set_ylabel("share that is right")
    return finish(figure, axes, 1)
