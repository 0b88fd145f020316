import math

import openpyxl
import pytest
from tests.reports.payloads import PAYLOADS

from vidtune.reports._book import Book
from vidtune.reports._rows import _column_letters


def written(path, rows):
    """Write rows of (style, value) pairs into a book and return its sheet as openpyxl reads it."""
    book = Book("title")
    sheet = book.add_row_sheet("Rows", [(f"Column {at}", 20.0) for at in range(len(rows[0]))], len(rows))
    for row in rows:
        sheet.add(row)
    path.write_bytes(book.close())
    return openpyxl.load_workbook(path)["Rows"]


def test_values_come_back_as_they_were_written(tmp_path):
    row = [
        ("left", 1),
        ("value", 0.1 + 0.2),
        ("value", 1e-300),
        ("true", True),
        ("wrap", " two\nlines "),
        ("plain", ""),
    ]

    (cells,) = written(tmp_path / "a.xlsx", [row]).iter_rows(min_row=2, values_only=True)

    assert cells[:5] == (1, 0.1 + 0.2, 1e-300, True, " two\nlines ")


def test_what_has_no_value_or_is_no_number_stays_empty(tmp_path):
    row = [("left", None), ("value", math.nan), ("value", math.inf), ("wrap", "last")]

    (cells,) = written(tmp_path / "a.xlsx", [row]).iter_rows(min_row=2, values_only=True)

    assert cells == (None, None, None, "last")


@pytest.mark.parametrize("text", [text for text in PAYLOADS if len(text) < 1000])
def test_no_text_is_anything_but_text(tmp_path, text):
    (cells,) = written(tmp_path / "a.xlsx", [[("wrap", text)]]).iter_rows(min_row=2)

    assert cells[0].data_type in ("s", "inlineStr")
    assert cells[0].hyperlink is None


def test_an_escape_of_excel_in_a_text_is_no_escape(tmp_path):
    content = "_x0041_ and \r"
    written(tmp_path / "a.xlsx", [[("wrap", content)]])

    import zipfile

    xml = zipfile.ZipFile(tmp_path / "a.xlsx").read("xl/worksheets/sheet1.xml").decode()
    assert "_x005F_x0041_ and _x000D_" in xml


def test_cells_keep_their_styles_and_the_sheet_its_size(tmp_path):
    sheet = written(tmp_path / "a.xlsx", [[("green", 0.9), ("red", 0.1)], [("yellow", 0.5), ("failed", "x")]])

    assert sheet.dimensions == "A1:B3"
    assert [sheet[at].fill.start_color.rgb for at in ("A2", "B2", "A3", "B3")] == [
        "FFC6EFCE",
        "FFFFC7CE",
        "FFFFEB9C",
        "FFFFC7CE",
    ]
    assert sheet["A2"].number_format == "0.0000"
    assert sheet.auto_filter.ref == "A1:B3"


def test_the_same_rows_give_the_same_bytes_whenever_they_are_written(tmp_path):
    first = tmp_path / "a.xlsx"
    written(first, [[("wrap", "x")]])
    written(tmp_path / "b.xlsx", [[("wrap", "x")]])

    assert first.read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    assert openpyxl.load_workbook(first).properties.created.year == 1980


def test_columns_are_lettered_as_in_a_spreadsheet():
    assert [_column_letters(at) for at in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
