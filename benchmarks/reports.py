"""A workbook of 10,000 rows by 20 columns: ours beside openpyxl, in one process, the same cells in the same styles.

openpyxl writes the rows in two ways: as its users do, cell by cell into a workbook, and in its fastest mode
(``write_only``, cells made one after the other). Both are told only values and shared styles, which is the kindest
way to use them. Texts are all different, so that no table of strings helps. Times are CPU seconds on one thread,
the best of several rounds taken in turn; the written values are read back and compared.

Beside it: all reports of a run of 10,000 samples, 3 % of them failed.

Run ``python benchmarks/reports.py``; the result is written to ``benchmarks/results/reports.json``.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import io
import json
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, PatternFill

from vidtune.metrics import FILLS
from vidtune.reports import write_reports
from vidtune.reports._book import Book
from vidtune.reports._rows import Value

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.reports.sample import write_run

RESULT = Path(__file__).parent / "results" / "reports.json"
NUM_ROWS, NUM_COLUMNS = 10_000, 20
NUM_ROUNDS = 5
WORDS = "knees hips squats your keep over toes back straight down and the while you lift".split()
STYLES = ("left", *["wrap"] * 7, *["green", "yellow", "red"] * 3, "value", "plain", "wrap")

Rows = list[list[tuple[str, Value]]]


def make_rows() -> Rows:
    """Return rows of a number, texts of twelve words, coloured scores and short texts."""
    rng = random.Random(0)

    def value(style: str, number: int) -> Value:
        if style == "left":
            return number
        if style in ("wrap", "plain"):
            return f"{' '.join(rng.choices(WORDS, k=12))} {number}"
        return rng.random()

    return [[(style, value(style, number)) for style in STYLES] for number in range(1, NUM_ROWS + 1)]


def ours(rows: Rows) -> bytes:
    """Write with vidtune, header, filter and formats included."""
    book = Book("benchmark")
    sheet = book.add_row_sheet("Rows", [(f"Column {at}", 15.0) for at in range(NUM_COLUMNS)], len(rows))
    for row in rows:
        sheet.add(row)
    return book.close()


def peer(rows: Rows, *, is_write_only: bool) -> bytes:
    """Write with openpyxl."""
    top, wrap = Alignment(vertical="top"), Alignment(vertical="top", wrap_text=True)
    fills = {colour: PatternFill("solid", start_color=code) for colour, code in FILLS.items()}
    book = openpyxl.Workbook(write_only=is_write_only)
    sheet = book.create_sheet("Rows") if is_write_only else book.active
    header = [f"Column {at}" for at in range(NUM_COLUMNS)]
    sheet.append(header)
    for at, row in enumerate(rows, start=2):
        cells = []
        for column, (style, value) in enumerate(row, start=1):
            cell = WriteOnlyCell(sheet, value) if is_write_only else sheet.cell(at, column, value)
            if style in fills:
                cell.fill, cell.number_format = fills[style], "0.0000"
            cell.alignment = wrap if style == "wrap" else top
            cells.append(cell)
        if is_write_only:
            sheet.append(cells)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def peer_plain(rows: Rows) -> bytes:
    """Write with openpyxl's fastest mode, values only: no style at all."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    sheet.append([f"Column {at}" for at in range(NUM_COLUMNS)])
    for row in rows:
        sheet.append([value for _, value in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def read_back(content: bytes) -> list[tuple[Any, ...]]:
    """Return the values of a workbook, row by row."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    sheet = book["Rows"] if "Rows" in book.sheetnames else book.worksheets[0]
    return list(sheet.iter_rows(min_row=2, values_only=True))


def check_values(name: str, found: list[tuple[Any, ...]], expected: list[tuple[Value, ...]]) -> None:
    """Compare what was read back: ours to the last digit; openpyxl keeps 16 digits of a number."""
    if name == "vidtune":
        assert found == expected
    for row, wanted in zip(found, expected, strict=True):
        for cell, value in zip(row, wanted, strict=True):
            assert abs(cell - value) < 1e-12 if isinstance(value, float) else cell == value, (name, cell, value)


def time_reports() -> dict[str, float]:
    """Return the CPU seconds of each report of a large run."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = write_run(Path(folder) / "run", num_samples=NUM_ROWS, num_errors=NUM_ROWS * 3 // 100, with_strips=False)
        names = ("read and workbook", "page", "Markdown and LaTeX", "figures")
        began_s = time.process_time()

        def note(stage: str, done: int, total: int, told: str = "") -> None:
            nonlocal began_s
            now_s = time.process_time()
            found[names[done - 1]] = round(now_s - began_s, 3)
            began_s = now_s

        write_reports(run, progress=note)
        found["size of the workbook (MiB)"] = round(run.report_xlsx.stat().st_size / 2**20, 2)
        found["size of the page (MiB)"] = round(run.report_html.stat().st_size / 2**20, 2)
    return found


def main() -> None:
    """Measure, compare and write the result."""
    rows = make_rows()
    expected = [tuple(value for _, value in row) for row in rows]
    writers: dict[str, Callable[[], bytes]] = {
        "vidtune": lambda: ours(rows),
        "openpyxl": lambda: peer(rows, is_write_only=False),
        "openpyxl write_only": lambda: peer(rows, is_write_only=True),
        "openpyxl write_only, no styles": lambda: peer_plain(rows),
    }
    best_s: dict[str, float] = {}
    for _ in range(NUM_ROUNDS):
        for name, write in writers.items():
            began_s = time.process_time()
            content = write()
            spent_s = time.process_time() - began_s
            if name not in best_s:
                check_values(name, read_back(content), expected)
            best_s[name] = min(spent_s, best_s.get(name, spent_s))
    result = {
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "rows": NUM_ROWS,
        "columns": NUM_COLUMNS,
        "cpu_s": {name: round(value, 3) for name, value in best_s.items()},
        "times_as_fast": {name: round(value / best_s["vidtune"], 2) for name, value in best_s.items()},
        "reports_of_10000_samples_cpu_s": time_reports(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
