"""Does the model use the video? What `vidtune evaluate --probe video` found with the video taken away or altered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.reports._cells import interval_title, number, p_value, percent, signed, signed_interval
from vidtune.reports._grid import Grid, Section, Span
from vidtune.reports._view import RunView
from vidtune.reports.sections._evidence import about_other_predictions, bounds_of, number_of, read_folder, rows_of

ORDER = 5
_HEADER = ("Condition", "n", "Groups", "Score", "Real clip", "Gain of the real clip")
_CONDITIONS = ("Condition", "Takes away", "State", "n", "Failed", "Same answers")


def build(view: RunView) -> Section | None:
    """Return the section, or None for a run that was not probed."""
    tables: list[Grid] = []
    notes: list[str] = []
    what = "video"
    for name, value, problem in read_folder(view.run.probes):
        if problem:
            notes.append(problem)
            continue
        if any(one.get("removes") == "sound" for one in rows_of(value, "conditions")):
            what = "video or its sound"
        notes += [*about_other_predictions(view, f"The probe {name}", value), *_sentences(value)]
        tables += [*_metric_tables(view, name, rows_of(value, "rows")), *_condition_table(name, value)]
    if not tables and not notes:
        return None
    return Section(
        name="probes",
        title="Does it use the video?",
        lead=(
            f"The same questions, asked with the {what} taken away or altered. A model that uses it loses by it: the "
            "gain is what the real clip adds, paired by sample. p is corrected for the number of conditions."
        ),
        notes=tuple(notes),
        tables=tuple(tables),
    )


def _sentences(value: Mapping[str, Any]) -> list[str]:
    verdict = value.get("verdict")
    if not isinstance(verdict, Mapping):
        return [str(verdict)] if verdict else []
    return [str(one) for one in (verdict.get("headline"), *(verdict.get("sentences") or [])) if one]


def _metric_tables(view: RunView, name: str, rows: list[Mapping[str, Any]]) -> list[Grid]:
    by_metric: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_metric.setdefault(str(row.get("metric")), []).append(row)
    return [
        Grid(
            name=f"probe-{name}-{metric}",
            title=str(found[0].get("metric_label") or view.summaries.get(metric, {}).get("label", metric)),
            header=(*_HEADER, interval_title(number_of(found[0].get("confidence")) or 0.95), "p"),
            rows=tuple(_row(row) for row in found),
            spans=tuple(_span(row) for row in found),
            span_title="Score (dot), real clip (ring)",
        )
        for metric, found in by_metric.items()
    ]


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    kind = str(row.get("kind", "score"))
    score, real, gain = (number_of(row.get(key)) for key in ("score", "real_score", "gain"))
    return (
        str(row.get("label") or row.get("condition", "")),
        *(f"{row[key]:,}" if isinstance(row.get(key), int) else "-" for key in ("n", "n_clusters")),
        *("-" if value is None else number(value, kind) for value in (score, real)),
        "-" if gain is None else signed(gain, kind),
        signed_interval(*bounds_of(row), kind),
        p_value(number_of(row.get("p_value_holm", row.get("p_value")))),
    )


def _span(row: Mapping[str, Any]) -> Span | None:
    score = number_of(row.get("score"))
    return None if score is None else Span(score, beside=number_of(row.get("real_score")))


def _condition_table(name: str, value: Mapping[str, Any]) -> list[Grid]:
    rows = rows_of(value, "conditions")
    if not rows:
        return []
    told = tuple(
        (
            str(row.get("label") or row.get("condition", "")),
            str(row.get("removes", "-")),
            str(row.get("reason") or row.get("status", "-")),
            str(row.get("n", "-")),
            str(row.get("num_errors", "-")),
            "-" if (same := number_of(row.get("same_answers"))) is None else percent(same),
        )
        for row in rows
    )
    return [Grid(f"probe-{name}-conditions", "What was asked again", _CONDITIONS, told)]
