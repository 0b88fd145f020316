"""Sheets of one row a sample, written as XML in one go: three times as fast as cell by cell.

XlsxWriter makes the sheet, its header, columns, filter and formats; the rows are put into its file afterwards.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vidtune.reports._cells import CELL_LIMIT, cell_text

Value = str | float | int | bool | None
StyledRow = tuple[Sequence[tuple[str, Value]], int]

_STYLE_ROW = re.compile(r'<row r="2".*?</row>', re.DOTALL)
_STYLE_CELL = re.compile(r'<c r="[A-Z]+2" s="(\d+)"/>')
_DIMENSION = re.compile(r'<dimension ref="[^"]*"/>')
# What cannot stand in a cell's XML as it is: markup, a lone carriage return, and what would read as an escape of Excel.
_SPECIAL = re.compile(r"[&<>\r]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "_x000D_", "_": "_x005F_"}
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_EPOCH = (1980, 1, 1, 0, 0, 0)


class RowSheet:
    """Collects the rows of one sheet; a row is its cells, each the name of a style and a value, and its height."""

    def __init__(self, sheet: Any, number: int, num_columns: int, styles: Mapping[str, Any]) -> None:
        self.number = number
        """Of the sheet in the workbook, from 1."""
        self.num_columns = num_columns
        self._styles = tuple(styles)
        self._rows: list[StyledRow] = []
        # A row of empty cells, one in each style, tells under which numbers the file knows the styles.
        for column, style in enumerate(styles.values()):
            sheet.write_blank(1, column, None, style)

    def add(self, cells: Sequence[tuple[str, Value]], height_pt: int = 15) -> None:
        """Add the next row; a cell whose value is None stays empty."""
        self._rows.append((cells, height_pt))

    def put_into(self, xml: str) -> str:
        """Return the sheet's XML with the rows in it."""
        found = _STYLE_ROW.search(xml)
        if found is None:
            raise AssertionError("the sheet has lost the row that names its styles")
        numbers = dict(zip(self._styles, _STYLE_CELL.findall(found[0]), strict=True))
        letters = [_column_letters(column) for column in range(self.num_columns)]
        rows = "".join(self._render(numbers, letters))
        head = _DIMENSION.sub(
            f'<dimension ref="A1:{letters[-1]}{len(self._rows) + 1}"/>', xml[: found.start()], count=1
        )
        return head + rows + xml[found.end() :]

    def _render(self, numbers: Mapping[str, str], letters: Sequence[str]) -> Iterator[str]:
        for at, (cells, height_pt) in enumerate(self._rows, start=2):
            parts = [f'<row r="{at}" ht="{height_pt}" customHeight="1">']
            for letter, (style, value) in zip(letters, cells, strict=True):
                if value is None:
                    continue
                if isinstance(value, str):
                    text = value if value.isascii() and value.isprintable() else _safe(value)
                    if len(text) > CELL_LIMIT:
                        text = cell_text(text)
                    if _SPECIAL.search(text):
                        text = _SPECIAL.sub(_escape, text)
                    parts.append(
                        f'<c r="{letter}{at}" s="{numbers[style]}" t="inlineStr">'
                        f'<is><t xml:space="preserve">{text}</t></is></c>'
                    )
                elif isinstance(value, bool):
                    parts.append(f'<c r="{letter}{at}" s="{numbers[style]}" t="b"><v>{int(value)}</v></c>')
                elif math.isfinite(value):
                    parts.append(f'<c r="{letter}{at}" s="{numbers[style]}"><v>{value!r}</v></c>')
            parts.append("</row>")
            yield "".join(parts)


def splice_rows(workbook: bytes, sheets: Sequence[RowSheet]) -> bytes:
    """Return a workbook file with the rows of ``sheets`` in it."""
    by_path = {f"xl/worksheets/sheet{sheet.number}.xml": sheet for sheet in sheets}
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name in by_path:
                content = by_path[name].put_into(content.decode()).encode()
            # Level 3: a tenth larger than the usual level, in a third of its time.
            new.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED, 3)
    return buffer.getvalue()


def _safe(text: str) -> str:
    return _UNSAFE.sub("\ufffd", text)


def _escape(found: re.Match[str]) -> str:
    return _ESCAPED[found[0]]


def _column_letters(column: int) -> str:
    """Return a column's letters, from 0.

    Example:
        >>> _column_letters(0), _column_letters(27)
        ('A', 'AB')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
