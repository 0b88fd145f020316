"""The tables of a run as finished text, the same in Markdown, LaTeX and the workbook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from vidtune.reports._cells import (
    corpus_rows,
    group_rows,
    interval,
    number,
    p_value,
    percent,
    signed,
    signed_interval,
    title_case,
)
from vidtune.reports._grid import Grid
from vidtune.reports._view import RunView

KNOWN_SCORES = ("bert_similarity", "meteor", "rouge_l")
"""The text scores of the QVED pipeline, in its order."""

_INTERVAL = "interval"
"""Stands for what the intervals of the run are called."""

_SCORES = ("Score", "Mean", _INTERVAL, "Without looking", "n", "Failed")
_CORPUS = ("Family", "Metric", "Value", _INTERVAL, "n")
_GROUPS = ("By", "Group", "Mean", _INTERVAL, "n")
_CLASSES = ("Right", "n", "Share", _INTERVAL)
_TIMES = ("Stage", "Mean", "Median", "Std dev", "Least", "Most")
_STAGES = (
    ("read_s", "Reading frames (s)"),
    ("preprocess_s", "Preparing the input (s)"),
    ("generate_s", "Answering (s)"),
    ("total_s", "Altogether (s)"),
    ("tokens_per_s", "Tokens per second"),
)


def run_tables(view: RunView) -> list[Grid]:
    """Return the tables of scores, of the comparison, of the classes and of time."""
    found = [_grid("scores", "Scores", _SCORES, _score_rows(view))]
    found.append(_grid("corpus", "Over the whole set", _CORPUS, corpus_rows(view.metrics.get("corpus") or {})))
    found.append(_grid("groups", "By group", _GROUPS, group_rows(view.metrics)))
    if view.comparison:
        title = view.comparison_interval_title
        header = ("Score", view.comparison["a"], view.comparison["b"], "Difference", title, "p", "Pairs")
        found.append(_grid("comparison", "Before and after", header, _pair_rows(view)))
    for name, block in view.blocks.items():
        title, noun = class_words(name)
        file = "exercises" if name == "exercise" else f"by-{name.replace('_', '-')}"
        found.append(_grid(file, title, (noun, *_CLASSES), _class_rows(block["per_class"])))
    found.append(_grid("timing", "Time per sample", _TIMES, timing_rows(view)))
    found = [grid if grid.name == "comparison" else replace(grid, header=_titled(grid.header, view)) for grid in found]
    return [grid for grid in found if grid.rows or grid.name == "scores"]


def class_words(name: str) -> tuple[str, str]:
    """Return the title of a classification and what its classes are called.

    Example:
        >>> class_words("feedback_error")
        ('By form error', 'Form error')
    """
    noun = {"feedback_error": "form error"}.get(name, name.replace("_", " "))
    return f"By {noun}", noun.capitalize()


def timing_rows(view: RunView) -> Iterable[list[str]]:
    """Yield the time of each stage as text: its name, then mean, median, standard deviation, least and most."""
    for key, label in _STAGES:
        row = (view.metrics.get("timing") or {}).get(key)
        if row:
            form = ".1f" if key == "tokens_per_s" else ".3f"
            yield [label, *(f"{row[name]:{form}}" for name in ("mean", "median", "std", "min", "max"))]


def _grid(name: str, title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> Grid:
    return Grid(name, title, tuple(header), tuple(tuple(row) for row in rows))


def _titled(header: Iterable[str], view: RunView) -> tuple[str, ...]:
    return tuple(view.interval_title if name == _INTERVAL else name for name in header)


def _score_rows(view: RunView) -> Iterable[list[str]]:
    for summary in view.summaries.values():
        blind = summary["baselines"].get("blind_prior")
        yield [
            summary["label"],
            number(summary["mean"], summary["kind"]),
            interval(summary["ci_low"], summary["ci_high"], summary["kind"], summary["interval_method"]),
            number(blind["mean"], summary["kind"]) if blind else "-",
            str(summary["num_scored"]),
            str(view.metrics["num_errors"]),
        ]


def _pair_rows(view: RunView) -> Iterable[list[str]]:
    for name, summary in view.summaries.items():
        pair, kind = view.pair(name), summary["kind"]
        if pair:
            yield [
                summary["label"],
                number(pair["a_mean"], kind),
                number(pair["b_mean"], kind),
                signed(pair["difference"], kind),
                signed_interval(pair["ci_low"], pair["ci_high"], kind),
                p_value(pair["p_value"]),
                str(pair["num_pairs"]),
            ]


def _class_rows(per_class: Iterable[dict[str, Any]]) -> Iterable[list[str]]:
    for row in per_class:
        bounds = interval(row["ci_low"], row["ci_high"], "proportion", row.get("interval_method", ""))
        yield [class_text(row["label"]), str(row["correct"]), str(row["n"]), percent(row["accuracy"]), bounds]


def class_text(label: str) -> str:
    """Return a class for people; the class that says there is nothing wrong by what it means."""
    if label.startswith("("):
        return label  # "(not identified)": an answer, not a class
    return "No error" if label == "none" else title_case(label)
