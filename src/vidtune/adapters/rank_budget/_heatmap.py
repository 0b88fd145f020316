"""A picture of a plan: ranks by layer and by kind of matrix, one panel a tower."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from vidtune.adapters.rank_budget._plan import PlannedMatrix, RankPlan
from vidtune.core.durable import write_atomic

_NUMBER = re.compile(r"\.(\d+)\.")
_MAX_NUMBERED = 400
"""Panels of more cells show colours alone."""


def draw_plan(plan: RankPlan, path: Path) -> None:
    """Write ``path`` as PNG: a column for each layer, a row for each kind of matrix, the rank in its cell."""
    from matplotlib.figure import Figure  # the object interface: no display, no global state

    towers = list(dict.fromkeys(matrix.modality for matrix in plan.matrices))
    grids = [_grid([matrix for matrix in plan.matrices if matrix.modality == tower]) for tower in towers]
    heights = [0.32 * len(rows) + 0.9 for rows, _, _ in grids]
    widest = max(len(columns) for _, columns, _ in grids)
    figure = Figure(figsize=(3.4 + 0.42 * max(widest, 8), sum(heights) + 0.9), layout="constrained")
    panels = figure.subplots(len(towers), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    largest = max(matrix.rank for matrix in plan.matrices)
    image: Any = None
    for axes, tower, grid in zip(panels, towers, grids, strict=True):
        image = _draw_tower(axes, grid, largest)
        row = plan.by_modality()[tower]
        axes.set_title(
            f"{tower}: mean rank {row['mean_rank']:g}, {row['num_parameters']:,} parameters", fontsize=9, loc="left"
        )
    panels[-1].set_xlabel("layer")
    figure.colorbar(image, ax=list(panels), label="rank", shrink=0.6)
    how = plan.allocation if plan.score is None else f"{plan.allocation} by {plan.score.replace('_', ' ')}"
    figure.suptitle(
        f"ranks, {how}: {plan.num_parameters:,} of {plan.budget_parameters:,} parameters",
        fontsize=10,
        x=0.02,
        ha="left",
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_atomic(path, buffer.getvalue())


Grid = tuple[list[str], list[str], dict[tuple[str, str], int]]


def _grid(matrices: list[PlannedMatrix]) -> Grid:
    """Return row names, column names and the rank of each cell. Matrices outside of layers share a column ``-``."""
    cells: dict[tuple[str, str], int] = {}
    for matrix in matrices:
        number = _NUMBER.search(matrix.path)
        column = number.group(1) if number else "-"
        kind = matrix.path[number.end() :] if number else matrix.path
        cells[kind, column] = matrix.rank
    kinds = _shortened(list(dict.fromkeys(kind for kind, _ in cells)))
    columns = list(dict.fromkeys(column for _, column in cells))
    return list(kinds.values()), columns, {(kinds[kind], column): rank for (kind, column), rank in cells.items()}


def _shortened(names: list[str]) -> dict[str, str]:
    """Return the last part of each name, or more of it where that is a number or two would be alike."""
    for num_parts in range(1, 1 + max(name.count(".") + 1 for name in names)):
        short = {name: ".".join(name.split(".")[-num_parts:]) for name in names}
        if len(set(short.values())) == len(names) and not any(text.isdigit() for text in short.values()):
            return short
    return {name: name for name in names}


def _draw_tower(axes: Any, grid: Grid, largest: int) -> Any:
    rows, columns, cells = grid
    values = [[float(cells.get((row, column), "nan")) for column in columns] for row in rows]
    image = axes.imshow(values, aspect="auto", cmap="cividis", vmin=0, vmax=largest)
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.set_xticks(range(len(columns)), columns, fontsize=7)
    if len(rows) * len(columns) <= _MAX_NUMBERED:
        for y, row in enumerate(rows):
            for x, column in enumerate(columns):
                if (row, column) in cells:
                    rank = cells[row, column]
                    ink = "black" if rank > 0.55 * largest else "white"
                    axes.text(x, y, str(rank), ha="center", va="center", fontsize=7, color=ink)
    return image
