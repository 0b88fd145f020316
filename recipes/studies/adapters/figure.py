"""The study's record as a picture: what each arm gets right, and differences between arms, with their intervals."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure  # the object interface: no display, no global state
from plan import METRICS

from vidtune.core.durable import write_atomic

_ROW_INCHES = 0.27


def draw(record: Mapping[str, Any], path: Path) -> None:
    """Write a PNG: a column for each metric, arms above, differences below; nothing where no run is finished."""
    arms = record["arms"]
    if not arms:
        return
    pairs = list(dict.fromkeys((one["arm"], one["against"]) for one in record["differences"]))
    heights = [len(arms) + 1, len(pairs) + 1] if pairs else [len(arms) + 1]
    figure = Figure(figsize=(12, 1.6 + _ROW_INCHES * sum(heights)), layout="constrained")
    panels = figure.subplots(len(heights), len(METRICS), squeeze=False, height_ratios=heights)
    for column, (metric, title) in enumerate(METRICS.items()):
        rows = [{**row[metric], "value": row[metric]["mean"]} for row in arms.values()]
        _draw_rows(panels[0][column], list(arms), rows, is_first=column == 0)
        panels[0][column].set_title(title, fontsize=10)
        panels[0][column].set_xlabel("right, %", fontsize=8)
        if pairs:
            by_pair = {(one["arm"], one["against"]): one for one in record["differences"] if one["metric"] == metric}
            rows = [{**by_pair[pair], "value": by_pair[pair]["difference"]} for pair in pairs]
            _draw_rows(panels[1][column], [f"{arm} - {other}" for arm, other in pairs], rows, is_first=column == 0)
            panels[1][column].axvline(0, color="0.6", linewidth=0.8)
            panels[1][column].set_xlabel("difference in points", fontsize=8)
    num_missing = sum(len(seeds) for seeds in record["missing"].values())
    unfinished = f"; {num_missing} runs are missing" if num_missing else ""
    figure.suptitle(f"dots: means over seeds, lines: 95 % over people, ticks: single seeds{unfinished}", fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_atomic(path, buffer.getvalue())


def _draw_rows(axes: Any, names: Sequence[str], rows: Sequence[Mapping[str, Any]], *, is_first: bool) -> None:
    for place, row in enumerate(rows):
        if row["ci_low"] is not None:
            axes.plot([100 * row["ci_low"], 100 * row["ci_high"]], [place, place], color="tab:blue", linewidth=1.5)
        seeds = [100 * value for value in row.get("of_seeds", ())]
        axes.plot(seeds, [place] * len(seeds), "|", color="0.35", markersize=7)
        axes.plot([100 * row["value"]], [place], "o", color="tab:blue", markersize=4)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), names if is_first else [""] * len(rows), fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", linewidth=0.4, color="0.85")
