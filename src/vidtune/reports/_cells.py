"""Values as text: numbers that read the same in every report, and text that is safe in a workbook cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vidtune.metrics import Thresholds

CELL_LIMIT = 32_767
"""Characters a workbook cell can hold."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BASELINES = {
    "blind_prior": "Without looking",
    "nearest_training": "Recalling training data",
    "per_exercise_majority": "Knowing only the exercise",
}


def cell_text(text: str) -> str:
    """Return ``text`` as a cell can hold it; what was cut or replaced stays visible."""
    clean = printable(text)
    if clean.startswith("<r>") and clean.endswith("</r>"):
        clean += "\u2060"  # XlsxWriter takes such a string for ready markup and would not escape it
    if len(clean) <= CELL_LIMIT:
        return clean
    note = f" … [cut: {len(text):,} characters]"
    return clean[: CELL_LIMIT - len(note)] + note


def printable(text: str) -> str:
    """Return ``text`` with what no file of text may hold replaced visibly: control characters, lone surrogates."""
    return _CONTROL.sub("\ufffd", text)


def replace_characters(text: str, table: Mapping[str, str]) -> str:
    """Return ``text`` in one line, each character of ``table`` replaced."""
    return "".join(table.get(character, character) for character in " ".join(text.split()))


def percent(share: float) -> str:
    """Return a share as per cent with one decimal.

    Example:
        >>> percent(0.9464)
        '94.6 %'
    """
    return f"{share * 100:.1f} %"


def number(value: float, kind: str) -> str:
    """Return a mean as every report prints it: per cent for a proportion, three decimals for a score."""
    return percent(value) if kind == "proportion" else f"{value:.3f}"


def corpus_rows(corpus: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return the metrics of the whole set as rows: family, name, value, interval, n."""
    return [
        [
            str(row["family"]),
            name.replace("_", " "),
            f"{row['value']:.3f}",
            "-" if row["ci_low"] is None else f"{row['ci_low']:.3f} to {row['ci_high']:.3f}",
            str(row["num_scored"]),
        ]
        for name, row in corpus.items()
    ]


def group_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Return the leading metric by group as rows: by what, group, mean, interval, n; one answer only is marked."""
    kind = next((summary["kind"] for summary in metrics["metrics"].values()), "score")
    return [
        [
            str(row["by"]).replace("_", " "),
            str(row["group"]) + (" (always the same answer)" if row["is_single_answer"] else ""),
            number(row["mean"], kind),
            "-" if row["ci_low"] is None else interval(row["ci_low"], row["ci_high"], kind),
            str(row["num_scored"]),
        ]
        for row in metrics.get("groups") or []
    ]


def signed(value: float, kind: str) -> str:
    """Return a difference with its sign: points for a proportion, three decimals for a score."""
    return f"{value * 100:+.1f} points" if kind == "proportion" else f"{value:+.3f}"


def interval(low: float | None, high: float | None, kind: str, method: str = "") -> str:
    """Return an interval, or that there is none and, in short, why.

    Example:
        >>> interval(None, None, "score", "none: 4 groups are too few; a 95 % interval takes 6")
        'none (4 groups are too few)'
    """
    if low is None or high is None:
        why = method.removeprefix("none").removeprefix(": ").partition(";")[0]
        return f"none ({why})" if why else "none"
    return f"{number(low, kind)} to {number(high, kind)}"


def interval_title(confidence: float) -> str:
    """Return what intervals of a confidence are called.

    Example:
        >>> interval_title(0.95), interval_title(0.999)
        ('95 % interval', '99.9 % interval')
    """
    return f"{100 * confidence:g} % interval"


def signed_interval(low: float | None, high: float | None, kind: str) -> str:
    """Return the interval of a difference, or that there is none.

    Example:
        >>> signed_interval(0.1, 0.25, "proportion")
        '+10.0 to +25.0 points'
    """
    if low is None or high is None:
        return "none"
    return f"{signed(low, kind).removesuffix(' points')} to {signed(high, kind)}"


def p_value(value: float | None) -> str:
    """Return a p value with three decimals, never as zero."""
    if value is None:
        return "none"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def baseline_label(name: str) -> str:
    """Return what people call a baseline: what it was allowed to know."""
    return _BASELINES.get(name, name.replace("_", " ").capitalize())


def title_case(label: str) -> str:
    """Return a class label for people: underscores become spaces, words begin large.

    Example:
        >>> title_case("cat-cow_pose")
        'Cat-Cow Pose'
    """
    return re.sub(r"(^|[ -])(\w)", lambda found: found[1] + found[2].upper(), label.replace("_", " "))


def colour_of(value: float | None, thresholds: Mapping[str, Any] | None) -> str:
    """Return ``green``, ``yellow`` or ``red`` by the thresholds of the metric, or nothing."""
    if value is None or not thresholds:
        return ""
    return Thresholds(green=thresholds["green"], yellow=thresholds["yellow"]).colour_of(value)
