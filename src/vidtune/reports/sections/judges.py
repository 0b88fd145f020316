"""What judges said of the answers, and whether their controls let them be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.reports._grid import Grid, Section
from vidtune.reports._judged import has_failed
from vidtune.reports._view import RunView
from vidtune.reports.sections._evidence import about_other_predictions, facts_of, number_of, read_folder, rows_of

ORDER = 6
_SCORES = ("What", "Mean", "95 % interval", "Median", "Std dev", "n", "Groups")
_CONTROLS = ("Control", "Result", "Cases", "In words")


def build(view: RunView) -> Section | None:
    """Return the section, or None for a run that was not judged."""
    tables: list[Grid] = []
    notes: list[str] = []
    for name, value, problem in read_folder(view.run.judge):
        if problem:
            notes.append(problem)
            continue
        notes += [*_standing(name, value), *about_other_predictions(view, f"What {name} judged", value)]
        tables += _tables(name, value)
    if not tables and not notes:
        return None
    return Section(
        name="judges",
        title="What judges said",
        lead=(
            "A judge reads the answer and the reference and gives points. Its controls are judged with it: the "
            "reference itself, the answer of another sample, an empty one, a longer one, the order changed. The points "
            "of a judge that fails them say nothing."
        ),
        notes=tuple(notes),
        tables=tuple(tables),
    )


def _standing(name: str, value: Mapping[str, Any]) -> list[str]:
    verdict = value.get("verdict")
    sentence = str(verdict.get("sentence", "")) if isinstance(verdict, Mapping) else str(verdict or "")
    missing = ", ".join(f"{count} {reason}" for reason, count in (value.get("missing") or {}).items())
    lines = [f"{_title(name, value)}: {sentence}" if sentence else ""]
    lines.append(f"{_title(name, value)}: without points, and in no mean: {missing}." if missing else "")
    lines.append(f"{name}: texts were sent to {value['sent_to']}." if value.get("sent_to") else "")
    return [line for line in lines if line]


def _title(name: str, value: Mapping[str, Any]) -> str:
    return f"{value.get('label') or name} ({name})"


def _tables(name: str, value: Mapping[str, Any]) -> list[Grid]:
    mark = ": failed its controls, do not use" if has_failed(value) else ""
    title = f"{_title(name, value)}{mark}"
    found = [
        Grid(f"judge-{name}", title, _SCORES, tuple(_score(row) for row in rows_of(value, "scores"))),
        Grid(
            f"judge-{name}-controls", f"{title}: controls", _CONTROLS, tuple(map(_control, rows_of(value, "controls")))
        ),
    ]
    for key in ("preference", "agreement"):
        if isinstance(value.get(key), Mapping):
            grid = Grid(f"judge-{name}-{key}", f"{title}: {key}", ("What", "Value"), tuple(facts_of(value[key])))
            found.append(grid)
    return [grid for grid in found if grid.rows]


def _score(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = number_of(row.get("ci_low")), number_of(row.get("ci_high"))
    return (
        str(row["name"]).replace("_", " "),
        _points(row.get("mean")),
        "none" if low is None or high is None else f"{low:.2f} to {high:.2f}",
        _points(row.get("median")),
        _points(row.get("std")),
        str(row.get("num_scored", "-")),
        str(row.get("num_clusters", "-")),
    )


def _control(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(row.get("label") or row.get("name", "")),
        str(row.get("status", "-")),
        str(row.get("num_cases", "-")),
        str(row.get("description", "")),
    )


def _points(value: Any) -> str:
    found = number_of(value)
    return "-" if found is None else f"{found:.2f}"
