"""Figures for print: scores and per-exercise shares, with intervals and n; safe for colour-blind readers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from vidtune.core.durable import write_atomic
from vidtune.reports._cells import printable, title_case
from vidtune.reports._view import RunView

_INK, _SOFT, _BASE = "#17627f", "#6b7177", "#b5541c"
_MAX_LABEL = 40


def write_figures(view: RunView) -> None:
    """Write ``figures/scores`` and ``figures/exercises`` as PNG and PDF; without scores there is nothing to draw."""
    if view.summaries:
        _draw_scores(view)
    if view.metrics["per_class"]:
        _draw_exercises(view)


def _draw_scores(view: RunView) -> None:
    rows = list(view.summaries.values())
    figure, axes = _begin(len(rows), 0.5, [_label(row["label"], f"n = {row['num_scored']}") for row in rows])
    _plot(axes, rows, "mean")
    blind = [row["baselines"].get("blind_prior", {}).get("mean") for row in rows]
    _mark(axes, blind, "o", _SOFT, "without looking (best constant answer)")
    if view.comparison:
        base = [(view.pair(name) or {}).get("a_mean") for name in view.summaries]
        _mark(axes, base, "D", _BASE, f"before: {view.baseline_name}")
    axes.set_xlabel("mean score from 0 to 1; for identification, the share that is right")
    _save(view, figure, axes, "scores")


def _draw_exercises(view: RunView) -> None:
    rows = view.metrics["per_class"]
    labels = [_label(title_case(row["label"]), f"{row['correct']}/{row['n']}") for row in rows]
    figure, axes = _begin(len(rows), 0.32, labels)
    _plot(axes, rows, "accuracy")
    if view.baseline:
        known = {row["label"]: row["accuracy"] for row in view.baseline.metrics.get("per_class", [])}
        _mark(axes, [known.get(row["label"]) for row in rows], "D", _BASE, f"before: {view.baseline.name}")
    axes.set_xlabel("share of clips whose exercise was named right")
    _save(view, figure, axes, "exercises")


def _label(text: str, count: str = "") -> str:
    """Return a label as it is drawn: not too long, and no dollar sign that would begin mathematics."""
    shown = printable(" ".join(text.split()))
    shown = shown if len(shown) <= _MAX_LABEL else shown[: _MAX_LABEL - 1] + "…"
    return (f"{shown} ({count})" if count else shown).replace("$", r"\$")


def _begin(num_rows: int, row_in: float, labels: Sequence[str]) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # the object interface: no display, no global state

    figure = Figure(figsize=(7, row_in * num_rows + 1.4), layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(range(num_rows), labels)
    axes.set_ylim(num_rows - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _plot(axes: Any, rows: Sequence[Mapping[str, Any]], key: str) -> None:
    for at, row in enumerate(rows):
        if row["ci_low"] is not None:
            bounds = [row["ci_low"], row["ci_high"]]
            axes.plot(bounds, [at, at], color=_INK, linewidth=5, alpha=0.35, solid_capstyle="round")
    axes.plot([row[key] for row in rows], range(len(rows)), "o", color=_INK, label="mean and 95 % interval")


def _mark(axes: Any, values: Sequence[float | None], marker: str, colour: str, label: str) -> None:
    known = [(value, at) for at, value in enumerate(values) if value is not None]
    if known:
        xs, ys = zip(*known, strict=True)
        told = _label(label)
        axes.plot(xs, ys, marker, markerfacecolor="white", markeredgecolor=colour, markeredgewidth=1.5, label=told)


def _save(view: RunView, figure: Any, axes: Any, name: str) -> None:
    import warnings

    if view.unfinished:
        axes.set_title(view.unfinished, fontsize=9, loc="right")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    for suffix, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            # A label in a script the built-in font lacks is drawn as boxes; the other reports hold it in full.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(buffer, format=suffix, dpi=160, metadata=metadata)
        write_atomic(view.run.path / "figures" / f"{name}.{suffix}", buffer.getvalue())
