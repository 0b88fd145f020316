"""Where runs differ most: the samples on which the leading score is furthest apart, with the frames seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vidtune.reports._samples import strip_uri
from vidtune.reports.comparison._read import Compared

NUM_SHOWN = 12


@dataclass(frozen=True)
class Difference:
    """One sample in every run."""

    video: str
    question: str
    answer: str
    answers: tuple[tuple[str, str, str], ...]
    """(run, what it said, its scores)."""

    strip: str
    """The frames as a data URI; empty where there are none."""

    num_frames: int
    """In the strip."""


def find_differences(compared: Compared) -> list[Difference]:
    """Return the samples that set the runs most apart, furthest first; those alike in all are left out."""
    fields = [(str(summary["label"]), str(summary["kind"]), summary["field"]) for summary in compared.metrics.values()]
    spread = {rows[0].number: _spread(rows, fields) for rows in compared.shared}
    ordered = sorted(compared.shared, key=lambda rows: [-one for one in spread[rows[0].number]])
    chosen = [rows for rows in ordered if any(spread[rows[0].number])][:NUM_SHOWN]
    found = []
    for rows in chosen:
        record = rows[0].record
        seen = ((strip_uri(view.run.path, row), row) for view, row in zip(compared.views, rows, strict=True))
        answers = tuple(
            (name, row.record["prediction"] or "(empty answer)", _marks(row.scores, fields))
            for name, row in zip(compared.names, rows, strict=True)
        )
        strip, shown = next(((one, row) for one, row in seen if one), ("", rows[0]))
        num_frames = shown.record["frames"]["delivered"] if shown.record["frames"] else 0
        found.append(Difference(record["video"], record["question"], record["answer"], answers, strip, num_frames))
    return found


def _spread(rows: Any, fields: list[tuple[str, str, str]]) -> tuple[float, float]:
    """Return how far apart the leading score is, then all of them together."""
    ranges = []
    for _, _, field in fields:
        values = [float(row.scores[field]) for row in rows if row.scores.get(field) is not None]
        ranges.append(max(values) - min(values) if len(values) == len(rows) else 0.0)
    return (ranges[0], sum(ranges)) if ranges else (0.0, 0.0)


def _marks(scores: Any, fields: list[tuple[str, str, str]]) -> str:
    told = []
    for label, kind, field in fields:
        value = scores.get(field)
        if value is not None:
            told.append(f"{label} {('right' if value else 'wrong') if kind == 'proportion' else f'{value:.3f}'}")
    return "; ".join(told)
