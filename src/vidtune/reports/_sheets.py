"""The workbook's further sheets: comparison, trust, classes, confusion, errors, frames, and one for each section."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidtune.reports._book import Book
from vidtune.reports._cells import cell_text, interval, number, p_value, printable, signed, signed_interval
from vidtune.reports._grid import Section
from vidtune.reports._rows import Value
from vidtune.reports._tables import class_text, class_words
from vidtune.reports._trust import CHECK_WORDS, check_name
from vidtune.reports._view import RunView

_SHEET_LIMIT = 31
"""Characters of a sheet's name."""

_FIRST_WIDTH, _MIN_WIDTH, _MAX_WIDTH = 32.0, 14.0, 60.0

_FRAMES = (
    ("ID", 8.0),
    ("Video Path", 40.0),
    ("Requested", 11.0),
    ("Delivered", 11.0),
    ("Repeated", 11.0),
    ("Damaged", 11.0),
    ("Indices", 24.0),
    ("Times (s)", 30.0),
    ("Coverage", 11.0),
    ("Duration (s)", 13.0),
    ("Frames per second", 19.0),
    ("Turned (degrees)", 17.0),
    ("Visual Tokens", 15.0),
    ("Prompt Tokens", 15.0),
    ("SHA-256 of the file", 22.0),
    ("Strip", 30.0),
)
_SOUND = (
    ("Sound Requested (s)", 19.0),
    ("Sound Delivered (s)", 19.0),
    ("Sound From (s)", 15.0),
    ("Sound Lost (s)", 15.0),
    ("Sound File", 30.0),
)
_SUBTITLES = (("Subtitle Lines", 15.0), ("Subtitles Stand", 18.0))


def write_more_sheets(book: Book, view: RunView, sections: Sequence[Section]) -> None:
    """Write every sheet that the QVED pipeline's workbook did not have."""
    if view.comparison:
        _write_comparison(book, view)
    _write_trust(book, view)
    _write_classes(book, view)
    _write_confusion(book, view)
    _write_errors(book, view)
    _write_frames(book, view)
    for section in sections:
        write_section(book, section)


def write_section(book: Book, section: Section) -> None:
    """Write a section as one sheet: its words, then its tables one under the other."""
    widths = _widths(section)
    sheet = book.add_sheet(sheet_name(section.title), [(section.title, widths[0])])
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    at = 1
    for sentence in (section.lead, *section.notes):
        book.write_sentence(sheet, at, sentence, widths)
        at += 1
    for grid in section.tables:
        sheet.write_string(at + 1, 0, cell_text(grid.title), book.title)
        for column, title in enumerate(grid.header):
            sheet.write_string(at + 2, column, cell_text(title), book.header)
        at += 3
        for row in grid.rows:
            book.write_texts(sheet, at, row, widths[: len(row)])
            at += 1


def _widths(section: Section) -> list[float]:
    """Return a width for each column, by what stands in it; at least five, so that sentences have room."""
    num_columns = max([5, *(len(grid.header) for grid in section.tables)])
    widths = [_FIRST_WIDTH, *[_MIN_WIDTH] * (num_columns - 1)]
    for grid in section.tables:
        for cells in (grid.header, *grid.rows):
            for column, text in enumerate(cells):
                widths[column] = min(_MAX_WIDTH, max(widths[column], len(text) * 1.15 + 2))
    return widths


def sheet_name(title: str) -> str:
    """Return a title as a sheet can be called: 31 characters, none of those that Excel keeps for itself."""
    name = "".join(" " if character in "[]:*?/\\" else character for character in printable(title)).strip(" '")
    return name[:_SHEET_LIMIT].strip(" '") or "Sheet"


def _write_comparison(book: Book, view: RunView) -> None:
    comparison = view.comparison or {}
    called = view.comparison_interval_title
    titles = ["Score", comparison["a"], comparison["b"], "Difference", called, "p", "Better", "Worse", "Pairs"]
    widths = [38.0, 22.0, 22.0, 18.0, 28.0, 10.0, 10.0, 10.0, 10.0]
    sheet = book.add_sheet("Comparison", list(zip(titles, widths, strict=True)))
    at = 1
    for name, pair in comparison["metrics"].items():
        summary = view.summaries.get(name, pair)
        kind = summary.get("kind", "score")
        cells = [
            summary.get("label", name),
            number(pair["a_mean"], kind),
            number(pair["b_mean"], kind),
            signed(pair["difference"], kind),
            signed_interval(pair["ci_low"], pair["ci_high"], kind),
            p_value(pair["p_value"]),
            *(str(pair.get(key, "")) for key in ("num_better", "num_worse", "num_pairs")),
        ]
        book.write_texts(sheet, at, cells, widths)
        at += 1
    for sentence in comparison["verdict"]["sentences"]:
        at += 1
        book.write_sentence(sheet, at, sentence, widths)


def _write_trust(book: Book, view: RunView) -> None:
    widths = [26.0, 10.0, 120.0]
    sheet = book.add_sheet("Trust", list(zip(("What", "Result", "In words"), widths, strict=True)))
    verdict = view.metrics["verdict"]
    lines = [("verdict", "", sentence) for sentence in [verdict["headline"], *verdict["sentences"]]]
    lines += [("incomplete", CHECK_WORDS["warn"], sentence) for sentence in view.missing]
    lines += [
        (check_name(check), CHECK_WORDS.get(check["status"], check["status"]), check["message"])
        for check in view.metrics["trust"]
    ]
    for summary in view.summaries.values():
        kind = summary["kind"]
        bounds = interval(summary["ci_low"], summary["ci_high"], kind, summary["interval_method"])
        how = f"{number(summary['mean'], kind)}, {view.interval_title} {bounds}, n = {summary['num_scored']}"
        lines.append((summary["label"], "", f"{how}; {summary['interval_method']}."))
    for at, line in enumerate(lines, start=1):
        book.write_texts(sheet, at, line, widths)


def _write_classes(book: Book, view: RunView) -> None:
    titles = ("By", "Class", "Right", "n", "Share", "Interval from", "Interval to", "Precision", "Recall", "F1")
    widths = (16.0, 44.0, *[12.0] * 8)
    sheet = book.add_sheet("Per class", list(zip(titles, widths, strict=True)))
    at = 1
    for name, block in view.blocks.items():
        for row in block["per_class"]:
            texts = (class_words(name)[1], class_text(row["label"]))
            for column, text in enumerate(texts):
                sheet.write_string(at, column, cell_text(text), book.plain)
            for column, key in enumerate(("correct", "n"), start=len(texts)):
                sheet.write_number(at, column, row[key], book.count)
            for column, key in enumerate(("accuracy", "ci_low", "ci_high", "precision", "recall", "f1"), start=4):
                if row.get(key) is not None:
                    sheet.write_number(at, column, row[key], book.value)
            at += 1


def _write_confusion(book: Book, view: RunView) -> None:
    found = {name: block["confusion"] for name, block in view.blocks.items() if block.get("confusion")}
    if not found:
        return
    sheet = book.add_sheet("Confusion", [("Rows: true; columns: named", 44.0)])
    at = 1
    for name, confusion in found.items():
        columns = confusion.get("columns", confusion["labels"])
        sheet.set_column(1, len(columns), 5.0)
        sheet.set_row(at, 150)
        sheet.write_string(at, 0, class_words(name)[0], book.title)
        for column, label in enumerate(columns, start=1):
            sheet.write_string(at, column, cell_text(class_text(label)), book.header_up)
        for label, counts in zip(confusion["labels"], confusion["matrix"], strict=True):
            at += 1
            sheet.write_string(at, 0, cell_text(class_text(label)), book.plain)
            for column, count in enumerate(counts, start=1):
                share = count / sum(counts) if count else 0.0
                sheet.write_number(at, column, count, book.shade(_shade(share, is_hit=columns[column - 1] == label)))
        at += 2


def _shade(share: float, *, is_hit: bool) -> str:
    """Return white to blue for what is right, white to orange for what is not, darker with its part of the row."""
    full = (0x6B, 0xAE, 0xD6) if is_hit else (0xF4, 0xA5, 0x82)
    steps = round(share * 5) / 5 if share >= 0.1 else (0.1 if share else 0.0)
    return "#" + "".join(f"{round(255 + (end - 255) * steps):02X}" for end in full)


def _write_errors(book: Book, view: RunView) -> None:
    widths = [24.0, 10.0, 70.0, 50.0, 60.0]
    titles = ("Cause", "Samples", "First of them", "What to do", "Which")
    sheet = book.add_sheet("Errors", list(zip(titles, widths, strict=True)))
    for at, failure in enumerate(view.failures, start=1):
        which = "\n".join(row.record["video"] for row in failure.rows)
        texts = (failure.code, str(len(failure.rows)), failure.problem, "\n".join(failure.remedies), which)
        book.write_texts(sheet, at, texts, widths)


def _write_frames(book: Book, view: RunView) -> None:
    """Write what the model was given of each sample, as its record says; sound and subtitles where any had them."""
    has_sound, has_subtitles = (any(row.record[key] for row in view.rows) for key in ("sound", "subtitles"))
    columns = (*_FRAMES, *(_SOUND if has_sound else ()), *(_SUBTITLES if has_subtitles else ()))
    sheet = book.add_row_sheet("Frames", columns, len(view.rows))
    for row in view.rows:
        record, frames = row.record, row.record["frames"] or {}
        cells: list[tuple[str, Value]] = [("left", row.number), ("plain", record["video"])]
        cells += [("left", frames.get(key)) for key in ("requested", "delivered", "padded", "damaged")]
        cells += [("plain", _listed(frames.get(key))) for key in ("indices", "times_s")]
        cells += [("value", frames.get(key)) for key in ("coverage", "duration_s", "fps")]
        cells += [("left", frames.get("rotation_deg"))]
        cells += [("left", record[key]) for key in ("num_visual_tokens", "num_prompt_tokens")]
        cells += [("plain", frames.get("source_sha256")), ("plain", record["strip"])]
        if has_sound:
            heard = record["sound"] or {}
            cells += [("value", heard.get(key)) for key in ("requested_s", "delivered_s", "start_s", "gap_s")]
            cells += [("plain", row.sound_file or None)]
        if has_subtitles:
            shown = record["subtitles"] or {}
            place = shown.get("place")
            cells += [("left", shown.get("num_lines")), ("plain", None if place is None else f"{place}")]
        sheet.add(cells)


def _listed(values: Any) -> str | None:
    return (
        None
        if values is None
        else ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    )
