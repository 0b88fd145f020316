"""Figures for print: scores, classes, distributions, confusion and time, with units, intervals and n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidtune.reports._charts import NUM_BINS, axis_end, class_matrix, count_bins, time_parts
from vidtune.reports._grid import Section, slug
from vidtune.reports._plot import BASE, INK, SERIES, SOFT, begin, finish, plain_label, save
from vidtune.reports._tables import class_text, class_words
from vidtune.reports._view import RunView

_MAX_CLASSES = 40
"""Rows of one figure; more are not read on a page of paper, and stand in the tables."""


def write_figures(view: RunView, sections: Sequence[Section] = ()) -> set[Path]:
    """Write ``figures/*.png`` and ``*.pdf``, return where; what has nothing to draw has no figure."""
    found = {"scores": _draw_scores(view), "distributions": _draw_distributions(view), "timing": _draw_timing(view)}
    for name, block in view.blocks.items():
        kind = "exercises" if name == "exercise" else f"by-{name.replace('_', '-')}"
        found[kind] = _draw_classes(view, name, block)
        found[f"confusion-{name.replace('_', '-')}"] = _draw_confusion(name, block)
    found |= {section.name: section.draw() for section in sections if section.draw}
    written = set()
    for name, figure in found.items():
        if figure is not None:
            if view.unfinished:
                figure.suptitle(view.unfinished, fontsize=9, x=0.99, ha="right")
            written |= save(figure, view.run.path / "figures", slug(name))
    return written


def _draw_scores(view: RunView) -> Any:
    rows = list(view.summaries.values())
    if not rows:
        return None
    labels = [f"{plain_label(row['label'])} (n = {row['num_scored']})" for row in rows]
    figure, axes = _whiskers(labels, rows, "mean", 0.5, view.interval_title)
    blind = [row["baselines"].get("blind_prior", {}).get("mean") for row in rows]
    _mark(axes, blind, "o", SOFT, "without looking (best constant answer)")
    if view.comparison:
        base = [(view.pair(name) or {}).get("a_mean") for name in view.summaries]
        _mark(axes, base, "D", BASE, f"before: {view.baseline_name}")
    end = axis_end([at for row in rows for at in (row["mean"], row["ci_high"])] + blind)
    axes.set_xlim(-0.02 * end, 1.02 * end)
    axes.set_xlabel(f"mean score from 0 to {end}; for identification, the share that is right", loc="right")
    return finish(figure, axes, 3)


def _draw_classes(view: RunView, name: str, block: Mapping[str, Any]) -> Any:
    rows = block["per_class"][:_MAX_CLASSES]
    if not rows:
        return None
    labels = [f"{plain_label(class_text(row['label']))} ({row['correct']}/{row['n']})" for row in rows]
    figure, axes = _whiskers(labels, rows, "accuracy", 0.32, view.interval_title)
    if view.baseline:
        known = view.baseline.metrics.get("classification", {}).get(name, {}).get("per_class", [])
        before = {row["label"]: row["accuracy"] for row in known}
        _mark(axes, [before.get(row["label"]) for row in rows], "D", BASE, f"before: {view.baseline.name}")
    left_out = len(block["per_class"]) - len(rows)
    rest = f"; {left_out} more classes are in the tables" if left_out else ""
    axes.set_xlabel(f"share that is right, {class_words(name)[0].lower()}{rest}", loc="right")
    return finish(figure, axes)


def _draw_distributions(view: RunView) -> Any:
    drawn = [(summary, _values(view, summary["field"])) for summary in view.text_scores.values()]
    drawn = [(summary, values) for summary, values in drawn if values]
    if not drawn:
        return None
    figure, grid = begin(7, 1.9 * len(drawn) + 0.3, nrows=len(drawn), squeeze=False)
    for axes, (summary, values) in zip(grid[:, 0], drawn, strict=True):
        end = axis_end(values)
        counts, width = count_bins(values, end), end / NUM_BINS
        edges = [index * width for index in range(NUM_BINS)]
        axes.bar(edges, counts, width=width, align="edge", color=INK, edgecolor="white", linewidth=0.5)
        for colour, edge in (summary["thresholds"] or {}).items():
            axes.axvline(edge, color=SOFT, linewidth=1, linestyle="--")
            axes.annotate(
                f"{colour} from {edge:g}", (edge, 1.1 * max(counts)), (3, 0), textcoords="offset points", fontsize=8
            )
        axes.set_title(f"{plain_label(summary['label'])} (n = {len(values)})", fontsize=10, loc="left")
        axes.set_ylabel("samples", fontsize=9)
        axes.set_ylim(0, 1.2 * max(counts))
        axes.set_xlim(0, end)
        axes.yaxis.get_major_locator().set_params(integer=True)
    grid[-1, 0].set_xlabel("score of a sample")
    return figure


def _draw_confusion(name: str, block: Mapping[str, Any]) -> Any:
    matrix = class_matrix(block.get("confusion"))
    if matrix is None or len(matrix["rows"]) > _MAX_CLASSES or len(matrix["columns"]) > _MAX_CLASSES:
        return None
    shares = [[cell["percent"] for cell in row["cells"]] for row in matrix["rows"]]
    side_in = 0.34
    figure, axes = begin(4.9 + side_in * len(matrix["columns"]), 2.1 + side_in * len(matrix["rows"]))
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100, aspect="equal")
    for at, row in enumerate(matrix["rows"]):
        for column, cell in enumerate(row["cells"]):
            if cell["count"]:
                colour = "white" if cell["percent"] > 55 else "black"
                axes.text(column, at, str(cell["count"]), ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(matrix["columns"])), [plain_label(text, 24) for text in matrix["columns"]], rotation=90)
    axes.set_yticks(
        range(len(matrix["rows"])),
        [f"{plain_label(row['label'])} (n = {sum(cell['count'] for cell in row['cells'])})" for row in matrix["rows"]],
    )
    axes.tick_params(labelsize=8)
    axes.set_xlabel("named by the model", fontsize=9)
    axes.set_ylabel("true", fontsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.6)
    bar.set_label("% of the row\n(figures: samples)", fontsize=8)
    return figure


def _draw_timing(view: RunView) -> Any:
    parts = time_parts(view.metrics.get("timing") or {})
    if not parts:
        return None
    figure, axes = begin(7, 1.5)
    left_s = 0.0
    for part in parts:
        colour = SERIES[part["index"]]
        axes.barh(0, part["mean_s"], left=left_s, color=colour, label=f"{part['label']} {part['text']}")
        left_s += part["mean_s"]
    axes.set_yticks([])
    axes.set_xlabel(f"mean seconds a sample (n = {view.metrics['num_scored']})")
    return finish(figure, axes, 3)


def _values(view: RunView, field: str) -> list[float]:
    return [row.scores[field] for row in view.rows if row.scores.get(field) is not None]


def _whiskers(
    labels: Sequence[str], rows: Sequence[Mapping[str, Any]], key: str, row_in: float, called: str
) -> tuple[Any, Any]:
    """Return a figure of one row each: the mean as a dot, its interval as a bar."""
    figure, axes = begin(7, row_in * len(rows) + 1.4)
    axes.spines["left"].set_visible(False)
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x", color="#dddddd")
    axes.tick_params(axis="y", length=0)
    for at, row in enumerate(rows):
        if row["ci_low"] is not None:
            bounds = [row["ci_low"], row["ci_high"]]
            axes.plot(bounds, [at, at], color=INK, linewidth=5, alpha=0.35, solid_capstyle="round")
    axes.plot([row[key] for row in rows], range(len(rows)), "o", color=INK, label=f"mean and {called}")
    return figure, axes


def _mark(axes: Any, values: Sequence[float | None], marker: str, colour: str, label: str) -> None:
    known = [(value, at) for at, value in enumerate(values) if value is not None]
    if known:
        xs, ys = zip(*known, strict=True)
        told = plain_label(label)
        axes.plot(xs, ys, marker, markerfacecolor="white", markeredgecolor=colour, markeredgewidth=1.5, label=told)
