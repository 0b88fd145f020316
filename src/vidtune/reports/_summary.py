"""The workbook's second sheet: statistics in blocks, a chart beside each distribution, as the QVED pipeline has it."""

from __future__ import annotations

from typing import Any

from vidtune.metrics import BARS
from vidtune.reports._book import Book
from vidtune.reports._cells import (
    baseline_label,
    cell_text,
    corpus_rows,
    group_rows,
    interval,
    interval_title,
    title_case,
)
from vidtune.reports._judged import read_judged
from vidtune.reports._tables import KNOWN_SCORES
from vidtune.reports._view import RunView

SUMMARY = "Summary"
_STATISTICS = (("Mean", "mean"), ("Median", "median"), ("Std Dev", "std"), ("Min", "min"), ("Max", "max"))
_CHART_PX = (454, 300)
"""12 cm wide and 15 rows high, so that charts at D2, D17, D32 stand under each other without touching."""
_CHART_ROWS = 15

Cell = str | float | int | bool | None


class Summary:
    """The second sheet: statistics in blocks, a chart beside each distribution."""

    def __init__(self, book: Book, view: RunView) -> None:
        self._book = book
        self._view = view
        self._sheet = book.add_sheet(SUMMARY, [("Metric", 38.0), ("Value", 24.0)])
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
        scores = self._view.text_scores
        for name in KNOWN_SCORES:
            if name in scores:
                self._score(name, scores[name])
        judged = read_judged(self._view)
        if judged:
            self._score("judge", judged.summary)
        self._exercises()
        for name, summary in scores.items():
            if name not in KNOWN_SCORES:
                self._score(name, summary)
        for name, summary in self._view.summaries.items():
            if summary["kind"] == "proportion" and name != "exercise_identification":
                self._share(name, summary)
        for title, rows in (
            ("Over the whole set", corpus_rows(metrics.get("corpus") or {})),
            ("By group", group_rows(metrics)),
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
        bounds = interval(summary["ci_low"], summary["ci_high"], kind, summary["interval_method"])
        self._line(interval_title(summary.get("confidence", 0.95)), bounds)
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
                "categories": [SUMMARY, first, 0, first + 2, 0],
                "values": [SUMMARY, first, 1, first + 2, 1],
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
