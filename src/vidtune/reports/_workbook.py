"""The workbook: the QVED pipeline's two sheets as its users know them, then what it did not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidtune.core.durable import write_atomic
from vidtune.reports._book import Book, height_pt
from vidtune.reports._cells import colour_of
from vidtune.reports._grid import Section
from vidtune.reports._judged import read_judged
from vidtune.reports._rows import Value
from vidtune.reports._sheets import write_more_sheets
from vidtune.reports._summary import Summary
from vidtune.reports._tables import KNOWN_SCORES
from vidtune.reports._view import RunView

RESULTS = "Test Evaluation Results"


def write_workbook(view: RunView, sections: Sequence[Section] = ()) -> None:
    """Write the workbook of a scored run under both of its names, atomically. The same run gives the same bytes."""
    content = render_workbook(view, sections)
    for path in (view.run.report_xlsx, view.run.report_xlsx_compat):
        write_atomic(path, content)


def render_workbook(view: RunView, sections: Sequence[Section] = ()) -> bytes:
    """Return the workbook of a scored run."""
    book = Book(f"{view.run.name}: evaluation report")
    _write_results(book, view)
    Summary(book, view).write()
    write_more_sheets(book, view, sections)
    return book.close()


def _write_results(book: Book, view: RunView) -> None:
    texts = [("Video Path", 40.0), ("Ground Truth", 50.0), ("Model Prediction", 50.0)]
    if view.baseline is not None:
        texts.append(("Base Model Response", 50.0))
    scores = {name: view.text_scores[name] for name in KNOWN_SCORES if name in view.text_scores}
    judged = read_judged(view)
    others = [summary for name, summary in view.text_scores.items() if name not in scores]
    has_match = "exercise_identification" in view.summaries
    columns = [("ID", 8.0), *texts, *((summary["label"], 15.0) for summary in scores.values())]
    columns += [(judged.summary["label"], 15.0)] if judged else []
    columns += [*([("Exercise Match", 15.0)] if has_match else []), ("Status", 12.0), ("Error", 50.0)]
    # What the QVED pipeline did not score comes behind its columns: who reads those by position is not disturbed.
    columns += [(summary["label"], 15.0) for summary in others]
    sheet = book.add_row_sheet(RESULTS, columns, len(view.rows))
    widths = [*(width for _, width in texts), 50.0]
    for row in view.rows:
        told = [row.record["video"], row.record["answer"], row.record["prediction"]]
        if view.baseline is not None:
            told.append(row.base_text)
        cells: list[tuple[str, Value]] = [("left", row.number), *(("wrap", text) for text in told)]
        cells += [_score(row.scores.get(summary["field"]), summary) for summary in scores.values()]
        if judged:
            cells.append(_score(judged.by_sample.get(row.record["sample_id"]), judged.summary))
        if has_match:
            matched = row.scores.get("exercise_correct")
            cells.append(("true" if matched else "false", None if matched is None else bool(matched)))
        error = row.error_text
        cells += [("plain", "Success") if row.is_ok else ("failed", "Error"), ("wrap", error)]
        cells += [_score(row.scores.get(summary["field"]), summary) for summary in others]
        sheet.add(cells, height_pt([*told, error], widths))


def _score(value: float | None, summary: Any) -> tuple[str, Value]:
    """Return the coloured cell of a score; a failed sample has none."""
    return (colour_of(value, summary["thresholds"]) or "value", None if value is None else float(value))
