"""Rows to CSV that opens in a spreadsheet as what it says: no cell is ever a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\n")


def encode_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Return a header and one line a row; what a row lacks is empty.

    Text that a spreadsheet would take for a formula gets an apostrophe in front. Numbers stay numbers, None is empty,
    lists are joined by a comma, and true and false are written as Python and pandas write them.

    Example:
        >>> encode_csv(["file", "score"], [{"file": "=1+1", "score": -0.5}])
        "file,score\n'=1+1,-0.5\n"
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return value
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    # The csv module leaves a lone carriage return unquoted, and readers then see a new row.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
