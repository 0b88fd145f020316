"""A part of a report said once and shown by all: its words, its tables as finished text, its figure.

Page, Markdown, LaTeX and workbook show the same strings, so they agree to the last digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Span:
    """A value with its interval, to be drawn on an axis from 0."""

    mean: float
    low: float | None = None
    high: float | None = None
    beside: float | None = None
    """Something to see it against, drawn as a ring."""


@dataclass(frozen=True)
class Grid:
    """A table as finished text."""

    name: str
    """Of its file ``tables/<name>.tex`` and its sheet; letters, digits and hyphens."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    spans: tuple[Span | None, ...] = ()
    """One for each row where the page draws it; empty: nothing to draw."""

    span_title: str = ""
    """What the axis of the spans is; where it ends is added."""


@dataclass(frozen=True)
class Picture:
    """A picture that lies in the run."""

    title: str
    source: str
    """As a data URI."""


@dataclass(frozen=True)
class Section:
    """One part of a report."""

    name: str
    title: str
    lead: str
    """What it shows, in one or two sentences."""

    notes: tuple[str, ...] = ()
    """Findings, and what is not known."""

    tables: tuple[Grid, ...] = ()
    pictures: tuple[Picture, ...] = ()
    draw: Callable[[], Any] | None = None
    """Returns a matplotlib figure, saved as ``figures/<name>``; None where there is nothing to draw."""


def slug(name: str) -> str:
    """Return a name that is a file's on every system and leads nowhere else.

    Example:
        >>> slug("judge-../x y")
        'judge-x-y'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:80] or "table"


def remove_stale(folder: Path, written: set[Path]) -> None:
    """Remove tables and figures that an earlier report left and this one no longer has.

    Ours are known by their kind: every ``tables/*.tex``, and what lies in ``figures`` both as PNG and as PDF.
    """
    for path in (folder / "tables").glob("*.tex"):
        if path not in written:
            path.unlink()
    for path in (folder / "figures").glob("*.pdf"):
        twin = path.with_suffix(".png")
        if twin.exists() and path not in written:
            path.unlink()
            twin.unlink()
