"""The workbook: the QVED pipeline's two sheets as its users know them, then Comparison, Trust and Errors.

Texts are written as strings, never as formulas, links or numbers, whatever they begin with.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import xlsxwriter

from vidtune.core.durable import write_atomic
from vidtune.metrics import BARS, FILLS
from vidtune.reports._cells import (
    baseline_label,
    cell_text,
    colour_of,
    corpus_rows,
    group_rows,
    interval,
    number,
    p_value,
    signed,
    signed_interval,
    title_case,
)
from vidtune.reports._view import Row, RunView

_RESULTS, _SUMMARY = "Test Evaluation Results", "Summary"
_HEADER_FILL = "#2E86AB"
_STATISTICS = (("Mean", "mean"), ("Median", "median"), ("Std Dev", "std"), ("Min", "min"), ("Max", "max"))
_CHART_PX = (454, 300)
"""12 cm wide and 15 rows high, so that charts at D2, D17, D32 stand under each other without touching."""
_CHART_ROWS = 15
_LINE_PT = 15
_MAX_LINES = 20

Cell = str | float | int | bool | None


def write_workbook(view: RunView) -> None:
    """Write the workbook of a scored run, atomically. The same run gives the same bytes."""
    buffer = io.BytesIO()
    book = _Book(buffer)
    scored_at = datetime.fromtimestamp(view.run.metrics.stat().st_mtime, UTC).replace(tzinfo=None)
    book.book.set_properties({"title": cell_text(f"{view.run.name}: evaluation report"), "created": scored_at})
    _write_results(book, view)
    _Summary(book, view).write()
    if view.comparison:
        _write_comparison(book, view)
    _write_trust(book, view)
    _write_errors(book, view)
    book.book.close()
    write_atomic(view.run.report_xlsx, buffer.getvalue())


class _Book:
    """An open workbook with its formats."""

    def __init__(self, buffer: io.BytesIO) -> None:
        self.book = xlsxwriter.Workbook(
            buffer,
            {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True},
        )
        top = {"valign": "top"}
        self.header = self._format(
            bold=True, font_size=12, font_color="#FFFFFF", bg_color=_HEADER_FILL, align="center", valign="vcenter"
        )
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

    def _format(self, **properties: Any) -> Any:
        return self.book.add_format(properties)

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

    def write_texts(self, sheet: Any, at: int, texts: Sequence[str], widths: Sequence[float]) -> None:
        """Write one row of wrapped texts, as high as its longest."""
        sheet.set_row(at, _height_pt(texts, widths))
        for column, text in enumerate(texts):
            sheet.write_string(at, column, cell_text(text), self.wrap)


def _height_pt(texts: Sequence[str], widths: Sequence[float]) -> int:
    """Return the height of a row of wrapped texts: programs other than Excel do not work it out themselves."""
    num_lines = 1
    for text, width in zip(texts, widths, strict=True):
        if len(text) > width or "\n" in text:
            num_lines = max(num_lines, sum(max(1, math.ceil(len(line) / width)) for line in text[:2000].split("\n")))
    return _LINE_PT * min(num_lines, _MAX_LINES)


def _write_results(book: _Book, view: RunView) -> None:
    texts = [("Video Path", 40.0), ("Ground Truth", 50.0), ("Model Prediction", 50.0)]
    if view.baseline is not None:
        texts.append(("Base Model Response", 50.0))
    scores = list(view.text_scores.values())
    has_match = "exercise_identification" in view.summaries
    columns = [("ID", 8.0), *texts, *((summary["label"], 15.0) for summary in scores)]
    columns += [*([("Exercise Match", 15.0)] if has_match else []), ("Status", 12.0), ("Error", 50.0)]
    sheet = book.add_sheet(_RESULTS, columns)
    widths = [*(width for _, width in texts), 50.0]
    for row in view.rows:
        at = row.number
        cells = [row.record["video"], row.record["answer"], row.record["prediction"]]
        if view.baseline is not None:
            cells.append(row.base_text)
        sheet.set_row(at, _height_pt([*cells, row.error_text], widths))
        sheet.write_number(at, 0, at, book.left)
        for column, text in enumerate(cells, start=1):
            sheet.write_string(at, column, cell_text(text), book.wrap)
        _write_marks(book, sheet, row, scores, len(cells) + 1, has_match)
    sheet.autofilter(0, 0, max(1, len(view.rows)), len(columns) - 1)


def _write_marks(book: _Book, sheet: Any, row: Row, scores: Sequence[Any], column: int, has_match: bool) -> None:
    """Write the coloured cells of a sample, its status and its error; a failed sample has no score."""
    at = row.number
    for summary in scores:
        value = row.scores.get(summary["field"])
        if value is not None:
            style = book.scores.get(colour_of(value, summary["thresholds"]), book.value)
            sheet.write_number(at, column, value, style)
        column += 1
    if has_match:
        matched = row.scores.get("exercise_correct")
        if matched is not None:
            sheet.write_boolean(at, column, bool(matched), book.truths[bool(matched)])
        column += 1
    sheet.write_string(at, column, "Success" if row.is_ok else "Error", book.plain if row.is_ok else book.failed)
    sheet.write_string(at, column + 1, cell_text(row.error_text), book.wrap)


class _Summary:
    """The second sheet: statistics in blocks, a chart beside each distribution."""

    def __init__(self, book: _Book, view: RunView) -> None:
        self._book = book
        self._view = view
        self._sheet = book.add_sheet(_SUMMARY, [("Metric", 38.0), ("Value", 24.0)])
        self._sheet.set_portrait()
        self._at = 1
        self._num_charts = 0

    def write(self) -> None:
        """Write all blocks in the order of the QVED report; what it did not have comes last in each block."""
        metrics = self._view.metrics
        self._line("Total Samples", metrics["num_samples"])
        if self._view.unfinished:
            self._line("Unfinished", self._view.unfinished)
        self._line("Successful", metrics["num_scored"])
        self._line("Failed", metrics["num_errors"])
        for title, key in (("Throughput (tokens/sec)", "tokens_per_s"), ("Generation Time (seconds)", "generate_s")):
            timing = (metrics.get("timing") or {}).get(key)
            if timing:
                self._block(title)
                self._statistics(timing)
        for name, summary in self._view.text_scores.items():
            self._score(name, summary)
        self._exercises()
        for name, summary in self._view.summaries.items():
            if summary["kind"] == "proportion" and name != "exercise_identification":
                self._share(name, summary)
        for title, rows in (
            ("Over the whole set", corpus_rows(metrics.get("corpus") or {})),
            ("By group", group_rows(metrics.get("groups") or [])),
        ):
            if rows:
                self._block(title)
            for first, name, value, bounds, _ in rows:
                self._line(f"{first}: {name}", value if bounds == "-" else f"{value} ({bounds})")

    def _line(self, name: str, value: Cell) -> None:
        self._sheet.write_string(self._at, 0, cell_text(name), self._book.plain)
        if isinstance(value, str):
            self._sheet.write_string(self._at, 1, cell_text(value), self._book.plain)
        elif value is not None:
            style = self._book.count if isinstance(value, int) else self._book.value
            self._sheet.write_number(self._at, 1, value, style)
        self._at += 1

    def _block(self, title: str) -> None:
        self._sheet.write_string(self._at + 1, 0, cell_text(title), self._book.title)
        self._at += 2

    def _statistics(self, values: Any) -> None:
        for name, key in _STATISTICS:
            self._line(name, None if values[key] is None else float(values[key]))

    def _score(self, name: str, summary: Any) -> None:
        self._block(summary["label"])
        self._statistics(summary)
        if summary["thresholds"] and summary["counts"]:
            green, yellow = summary["thresholds"]["green"], summary["thresholds"]["yellow"]
            first = self._at
            self._line(f"Green (≥{green:g})", summary["counts"]["green"])
            self._line(f"Yellow (≥{yellow:g})", summary["counts"]["yellow"])
            self._line(f"Red (<{yellow:g})", summary["counts"]["red"])
            self._chart(summary["label"], first)
        self._beside(name, summary)

    def _beside(self, name: str, summary: Any) -> None:
        """Write the interval and what the score must be seen against."""
        kind = summary["kind"]
        self._line("95 % interval", interval(summary["ci_low"], summary["ci_high"], kind))
        scale, unit = (100, " (%)") if kind == "proportion" else (1, "")
        pair = self._view.pair(name)
        if pair:
            self._line(f"Before: {self._view.baseline_name}{unit}", pair["a_mean"] * scale)
        for key, baseline in summary["baselines"].items():
            self._line(f"{baseline_label(key)}{unit}", baseline["mean"] * scale)

    def _share(self, name: str, summary: Any) -> None:
        self._block(summary["label"])
        num_right = round(summary["mean"] * summary["num_scored"])
        self._line("Overall Correct", num_right)
        self._line("Overall Incorrect", summary["num_scored"] - num_right)
        self._line("Accuracy (%)", summary["mean"] * 100)
        self._beside(name, summary)

    def _exercises(self) -> None:
        summary = self._view.summaries.get("exercise_identification")
        if summary is None:
            return
        self._share("exercise_identification", {**summary, "label": "Exercise Identification"})
        self._block("Per-Exercise Breakdown")
        for row in self._view.metrics["per_class"]:
            self._line(title_case(row["label"]), f"{row['correct']}/{row['n']}")

    def _chart(self, label: str, first: int) -> None:
        chart = self._book.book.add_chart({"type": "column"})
        chart.add_series(
            {
                "name": cell_text(f"{label} Distribution"),
                "categories": [_SUMMARY, first, 0, first + 2, 0],
                "values": [_SUMMARY, first, 1, first + 2, 1],
                "points": [{"fill": {"color": f"#{colour}"}} for colour in BARS.values()],
                "data_labels": {"value": True},
                "gap": 60,
            }
        )
        chart.set_title({"name": cell_text(f"{label} Distribution"), "name_font": {"size": 12}})
        grid = {"visible": True, "line": {"color": "#DDDDDD"}}
        chart.set_y_axis({"name": "Samples", "major_gridlines": grid, "min": 0})
        chart.set_legend({"none": True})
        chart.set_size({"width": _CHART_PX[0], "height": _CHART_PX[1]})
        self._sheet.insert_chart(1 + self._num_charts * _CHART_ROWS, 3, chart)
        self._num_charts += 1


def _write_comparison(book: _Book, view: RunView) -> None:
    comparison = view.comparison or {}
    titles = ["Score", comparison["a"], comparison["b"], "Difference", "95 % interval", "p", "Better", "Worse", "Pairs"]
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
        sheet.write_string(at, 0, cell_text(sentence), book.plain)


def _write_trust(book: _Book, view: RunView) -> None:
    widths = [26.0, 10.0, 120.0]
    sheet = book.add_sheet("Trust", list(zip(("What", "Result", "In words"), widths, strict=True)))
    verdict = view.metrics["verdict"]
    lines = [("verdict", "", sentence) for sentence in [verdict["headline"], *verdict["sentences"]]]
    lines += [("incomplete", "warn", sentence) for sentence in view.missing]
    lines += [(check["check"], check["status"], check["message"]) for check in view.metrics["trust"]]
    for summary in view.summaries.values():
        kind = summary["kind"]
        bounds = interval(summary["ci_low"], summary["ci_high"], kind)
        how = f"{number(summary['mean'], kind)}, 95 % interval {bounds}, n = {summary['num_scored']}"
        lines.append((summary["label"], "", f"{how}; {summary['interval_method']}."))
    for at, line in enumerate(lines, start=1):
        book.write_texts(sheet, at, line, widths)


def _write_errors(book: _Book, view: RunView) -> None:
    widths = [24.0, 10.0, 70.0, 50.0, 60.0]
    titles = ("Cause", "Samples", "First of them", "What to do", "Which")
    sheet = book.add_sheet("Errors", list(zip(titles, widths, strict=True)))
    for at, failure in enumerate(view.failures, start=1):
        which = "\n".join(row.record["video"] for row in failure.rows)
        texts = (failure.code, str(len(failure.rows)), failure.problem, "\n".join(failure.remedies), which)
        book.write_texts(sheet, at, texts, widths)
