"""What every figure shares: its size, colours that colour-blind readers tell apart, the same bytes each time."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from vidtune.core.durable import write_atomic
from vidtune.reports._cells import printable

INK, SOFT, BASE = "#0072B2", "#6b7177", "#D55E00"
"""This run, what it is seen against, the run before."""

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8c7a00")
"""Okabe and Ito's colours, told apart by readers of any colour vision; with ``MARKERS`` also in grey."""

MARKERS = ("o", "D", "s", "^", "v", "P", "X", "*")
_MAX_LABEL = 40
_DOTS_PER_INCH = 160


def plain_label(text: str, max_length: int = _MAX_LABEL) -> str:
    """Return a text as it is drawn: not too long, and no dollar sign that would begin mathematics."""
    shown = printable(" ".join(text.split()))
    shown = shown if len(shown) <= max_length else shown[: max_length - 1] + "…"
    return shown.replace("$", r"\$")


def begin(width_in: float, height_in: float, **options: Any) -> tuple[Any, Any]:
    """Return a figure and its axes, without the frame's upper and right side."""
    from matplotlib.figure import Figure  # the object interface: no display, no global state

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    axes = figure.subplots(**options)
    for one in np.ravel(axes):
        for side in ("top", "right"):
            if side in one.spines:
                one.spines[side].set_visible(False)
        one.set_axisbelow(True)
        one.tick_params(labelsize=9)
    return figure, axes


def finish(figure: Any, axes: Any, num_columns: int = 2) -> Any:
    """Put the legend over the figure, where it covers nothing, and return the figure."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=num_columns, frameon=False, fontsize=9)
    return figure


def save(figure: Any, folder: Path, name: str) -> set[Path]:
    """Write and return ``name.png`` (160 dots an inch) and ``name.pdf``; the same figure gives the same bytes."""
    paths = set()
    for suffix, content in render(figure).items():
        paths.add(folder / f"{name}.{suffix}")
        write_atomic(folder / f"{name}.{suffix}", content)
    return paths


def render(figure: Any) -> dict[str, bytes]:
    """Return a figure as files by their suffix, ``png`` and ``pdf``; without the time they were made at."""
    with warnings.catch_warnings():
        # A label in a script the built-in font lacks is drawn as boxes; the other reports hold it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        _settle(figure)
        return {suffix: _render(figure, suffix) for suffix in ("png", "pdf")}


def _settle(figure: Any) -> None:
    """Place the parts of a figure once for all its files; matplotlib would draw it all twice for each of them."""
    figure.set_dpi(_DOTS_PER_INCH)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def _render(figure: Any, suffix: str) -> bytes:
    buffer = io.BytesIO()
    metadata = {"CreationDate": None} if suffix == "pdf" else {}
    figure.savefig(buffer, format=suffix, dpi=_DOTS_PER_INCH, metadata=metadata)
    return buffer.getvalue()
