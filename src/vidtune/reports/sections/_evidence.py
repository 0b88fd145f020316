"""JSON that other commands leave in a run, read without trusting it: what is damaged is said, never hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidtune.core.durable import read_json
from vidtune.core.errors import VidtuneError
from vidtune.reports._view import RunView

_MAX_DEPTH = 3


def read_folder(folder: Path) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield (name, record, problem) of each JSON file; where there is a problem, the record is empty."""
    for path in sorted(folder.glob("*.json")):
        told = f"{folder.name}/{path.name}"
        try:
            found = read_json(path)
        except VidtuneError as exc:
            yield path.stem, {}, f"{told} cannot be read: {exc.problem}"
            continue
        if isinstance(found, Mapping):
            yield path.stem, found, ""
        else:
            yield path.stem, {}, f"{told} holds no record."


def about_other_predictions(view: RunView, what: str, value: Mapping[str, Any]) -> list[str]:
    """Return a sentence where a record was made of other predictions than those that were scored."""
    found = value.get("predictions_sha256")
    if found is None or found == view.metrics["predictions_sha256"]:
        return []
    return [f"{what} is of other predictions than those scored here: make it again."]


def rows_of(value: Any, *keys: str) -> list[Mapping[str, Any]]:
    """Return the records in ``value``: a list of them, or a list or a mapping by name under one of ``keys``."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in keys if isinstance(value.get(key), list | Mapping)), [])
    if isinstance(value, Mapping):
        value = [{"name": name, **row} for name, row in value.items() if isinstance(row, Mapping)]
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def bounds_of(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return the ends of a record's interval, however it is written."""
    found = row.get("interval")
    if isinstance(found, Mapping):
        low, high = found.get("low", found.get("ci_low")), found.get("high", found.get("ci_high"))
    elif isinstance(found, Sequence) and not isinstance(found, str) and len(found) == 2:
        low, high = found
    else:
        low, high = row.get("ci_low"), row.get("ci_high")
    return number_of(low), number_of(high)


def number_of(value: Any) -> float | None:
    """Return a number, or None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def text_of(value: Any) -> str:
    """Return a value as a cell shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {text_of(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        if len(value) == 2 and all(number_of(one) is not None for one in value):
            return f"{text_of(value[0])} to {text_of(value[1])}"
        return ", ".join(text_of(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def facts_of(value: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the single values of a record as (name, text), those of records within it by their path."""
    for key, one in value.items():
        name = key.replace("_", " ")
        if isinstance(one, Mapping) and depth < _MAX_DEPTH:
            yield from ((f"{name}: {inner}", text) for inner, text in facts_of(one, depth + 1))
        elif not isinstance(one, list) or all(not isinstance(part, Mapping | list) for part in one):
            yield name, text_of(one)
