"""An open workbook: its formats, its sheets. Texts are strings, never formulas, links or numbers."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from vidtune.metrics import FILLS
from vidtune.reports._cells import cell_text
from vidtune.reports._rows import RowSheet, splice_rows

_HEADER_FILL = "#2E86AB"
_LINE_PT = 15
_MAX_LINES = 20
# A workbook must hold a date; any date of the run would change when the run is copied or scored again.
_CREATED = datetime(1980, 1, 1)  # noqa: DTZ001 (XlsxWriter takes it as it stands)


class Book:
    """An open workbook with its formats."""

    def __init__(self, title: str) -> None:
        self._buffer = io.BytesIO()
        self.book = xlsxwriter.Workbook(
            self._buffer,
            {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True},
        )
        self.book.set_properties({"title": cell_text(title), "created": _CREATED})
        self._row_sheets: list[RowSheet] = []
        top = {"valign": "top"}
        self.header = self._format(
            bold=True, font_size=12, font_color="#FFFFFF", bg_color=_HEADER_FILL, align="center", valign="vcenter"
        )
        self.header_up = self._format(bold=True, rotation=90, align="center", valign="bottom")
        self.wrap = self._format(text_wrap=True, **top)
        self.plain = self._format(**top)
        self.left = self._format(align="left", **top)
        self.title = self._format(bold=True, font_size=12)
        self.value = self._format(num_format="0.0000", align="left")
        self.count = self._format(num_format="#,##0", align="left")
        self.scores: dict[str, Any] = {
            colour: self._format(num_format="0.0000", bg_color=f"#{fill}", **top) for colour, fill in FILLS.items()
        }
        # Excel shows TRUE for a boolean whatever its format says; LibreOffice needs the words.
        words = '"TRUE";"TRUE";"FALSE"'
        self.truths = {
            is_true: self._format(num_format=words, bg_color=f"#{fill}", align="center", **top)
            for is_true, fill in ((True, FILLS["green"]), (False, FILLS["red"]))
        }
        self.failed = self._format(bg_color=f"#{FILLS['red']}", **top)
        self._shades: dict[str, Any] = {}

    def _format(self, **properties: Any) -> Any:
        return self.book.add_format(properties)

    def shade(self, colour: str) -> Any:
        """Return the format of a count on a ground of ``colour``, as ``#rrggbb``."""
        if colour not in self._shades:
            self._shades[colour] = self._format(num_format="#,##0", bg_color=colour, align="center")
        return self._shades[colour]

    def add_sheet(self, name: str, columns: Sequence[tuple[str, float]]) -> Any:
        """Return a sheet with its header row kept in view, that prints one page wide."""
        sheet = self.book.add_worksheet(name)
        for index, (title, width) in enumerate(columns):
            sheet.set_column(index, index, width)
            sheet.write_string(0, index, cell_text(title), self.header)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&A&RPage &P of &N")
        return sheet

    def add_row_sheet(self, name: str, columns: Sequence[tuple[str, float]], num_rows: int) -> RowSheet:
        """Return a sheet for one row a sample, which can be filtered; see ``RowSheet``."""
        sheet = self.add_sheet(name, columns)
        sheet.autofilter(0, 0, max(1, num_rows), len(columns) - 1)
        styles = {
            "wrap": self.wrap,
            "plain": self.plain,
            "left": self.left,
            "value": self.value,
            "failed": self.failed,
            "true": self.truths[True],
            "false": self.truths[False],
            **self.scores,
        }
        rows = RowSheet(sheet, len(self.book.worksheets()), len(columns), styles)
        self._row_sheets.append(rows)
        return rows

    def write_texts(self, sheet: Any, at: int, texts: Sequence[str], widths: Sequence[float]) -> None:
        """Write one row of wrapped texts, as high as its longest."""
        sheet.set_row(at, height_pt(texts, widths))
        for column, text in enumerate(texts):
            sheet.write_string(at, column, cell_text(text), self.wrap)

    def write_sentence(self, sheet: Any, at: int, text: str, widths: Sequence[float]) -> None:
        """Write one wrapped text across columns of ``widths``, so that it makes no column and no printed page wider."""
        sheet.set_row(at, height_pt([text], [sum(widths)]))
        sheet.merge_range(at, 0, at, len(widths) - 1, "", self.wrap)
        sheet.write_string(at, 0, cell_text(text), self.wrap)

    def close(self) -> bytes:
        """Return the finished workbook."""
        self.book.close()
        return splice_rows(self._buffer.getvalue(), self._row_sheets)


def height_pt(texts: Sequence[str], widths: Sequence[float]) -> int:
    """Return the height of a row of wrapped texts: programs other than Excel do not work it out themselves."""
    num_lines = 1
    for text, width in zip(texts, widths, strict=True):
        if len(text) > width or "\n" in text:
            num_lines = max(num_lines, sum(max(1, math.ceil(len(line) / width)) for line in text[:2000].split("\n")))
    return _LINE_PT * min(num_lines, _MAX_LINES)
