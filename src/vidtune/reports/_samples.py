"""The samples on the page: what was seen, asked and answered, and the pictures that still fit."""

from __future__ import annotations

import base64
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from vidtune.reports._cells import colour_of, percent, title_case
from vidtune.reports._view import Row, RunView

STRIP_BUDGET_BYTES = 24 * 1024 * 1024
"""Pictures inlined into one page at most, as they stand in the page; a heavier one opens slowly on a phone."""


def sample_columns(view: RunView) -> list[Mapping[str, Any]]:
    """Return the metrics shown for each sample; the published rule repeats ours and is left out."""
    return [row for name, row in view.summaries.items() if not name.endswith("_compat")]


def sample_items(view: RunView, strips: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return every sample as the page shows it."""
    columns = sample_columns(view)
    return [_item(row, columns, strips) for row in view.rows]


def pick_strips(view: RunView) -> tuple[dict[int, str], int]:
    """Return pictures as data URIs by row number, and how many were left out.

    When they do not all fit, samples that went wrong come first: those are what people look for.
    """
    root = view.run.path.resolve()
    field = next((row["field"] for row in sample_columns(view)), None)
    left_bytes, num_left_out = STRIP_BUDGET_BYTES, 0
    found: dict[int, str] = {}
    for row in sorted(view.rows, key=lambda row: (_value(row, field), row.number)):
        name = row.record["strip"]
        path = (root / str(name)).resolve() if name else None
        # Only what lies in the run: a record must not be able to put another file of the disk on the page.
        if path is None or not path.is_relative_to(root) or not path.is_file():
            continue
        size_bytes = math.ceil(path.stat().st_size / 3) * 4
        if size_bytes > left_bytes:
            num_left_out += 1
            continue
        content = path.read_bytes()
        if content.startswith(b"\xff\xd8"):
            found[row.number] = "data:image/jpeg;base64," + base64.b64encode(content).decode()
            left_bytes -= size_bytes
    return found, num_left_out


def seen_facts(view: RunView) -> list[tuple[str, str]]:
    """Return what the model was given to see over all clips, as (name, text)."""
    frames = [row.record["frames"] for row in view.rows if row.record["frames"]]
    if not frames:
        return []
    facts = [("Clips read", f"{len(frames)} of {len(view.rows)}")]
    facts.append(("Frames for each clip", _spread([one["delivered"] for one in frames], "")))
    num_short = sum(one["delivered"] != one["requested"] for one in frames)
    facts.append(("Fewer frames than asked for", f"{num_short} clips" if num_short else "no clip"))
    num_padded = sum(bool(one.get("padded")) for one in frames)
    facts.append(("Frames repeated to fill up", f"{num_padded} clips" if num_padded else "no clip"))
    num_damaged = sum(bool(one.get("damaged")) for one in frames)
    facts.append(("Damaged frames left out", f"{num_damaged} clips" if num_damaged else "no clip"))
    facts.append(("Length of a clip", _spread([one["duration_s"] for one in frames], " s")))
    coverages = [one["coverage"] for one in frames]
    facts.append(("Part of a clip covered", f"{percent(statistics.fmean(coverages))}, least {percent(min(coverages))}"))
    tokens = [row.record["num_visual_tokens"] for row in view.rows if row.record["num_visual_tokens"]]
    if tokens:
        facts.append(("Visual tokens for each clip", _spread(tokens, "")))
    return facts


def _spread(values: Sequence[float], unit: str) -> str:
    low, high = min(values), max(values)
    shown = [f"{value:,}" if isinstance(value, int) else f"{value:.2f}" for value in (low, high)]
    return f"{shown[0]}{unit}" if shown[0] == shown[1] else f"{shown[0]} to {shown[1]}{unit}"


def _value(row: Row, field: str | None) -> float:
    value = row.scores.get(field) if field else None
    return math.inf if value is None else float(value)


def _item(row: Row, columns: Sequence[Mapping[str, Any]], strips: Mapping[int, str]) -> dict[str, Any]:
    record = row.record
    marks = [_mark(summary, row) for summary in columns]
    flags = [f"{index}{mark['colour']}" for index, mark in enumerate(marks) if mark["colour"]]
    if not row.is_ok:
        flags.append("failed")
    if record["finish_reason"] == "length":
        flags.append("cut")
    return {
        "number": row.number,
        "is_ok": row.is_ok,
        "state": "failed" if not row.is_ok else next((mark["colour"] for mark in marks), ""),
        "flags": " ".join(flags),
        "video": record["video"],
        "label": str(record["label"] or ""),
        "label_text": title_case(str(record["label"] or "")),
        "strip": strips.get(row.number),
        "num_frames": record["frames"]["delivered"] if record["frames"] else 0,
        "notes": _notes(record),
        "error": record["error"],
        "question": record["question"],
        "answer": record["answer"],
        "base": row.base_text,
        "prediction": record["prediction"] or "(empty answer)",
        "marks": marks,
    }


def _mark(summary: Mapping[str, Any], row: Row) -> dict[str, Any]:
    """Return one score of one sample: its text, the word for its colour, and what it is sorted by."""
    value = row.scores.get(summary["field"])
    if value is None or not row.is_ok:
        return {"label": summary["label"], "text": "", "colour": "", "sort": ""}
    if summary["kind"] == "proportion":
        word = "right" if value else "wrong"
        return {"label": summary["label"], "text": word, "colour": word, "sort": int(bool(value))}
    colour = colour_of(value, summary["thresholds"])
    return {"label": summary["label"], "text": f"{value:.3f}", "colour": colour, "sort": value}


def _notes(record: Mapping[str, Any]) -> list[str]:
    notes = [f"Subject {record['subject']}"] if record["subject"] else []
    frames = record["frames"]
    if frames:
        times = ", ".join(f"{time_s:.2f}" for time_s in frames["times_s"])
        notes.append(
            f"{frames['delivered']} of {frames['requested']} frames, at {times} s of {frames['duration_s']:.2f} s; "
            f"{percent(frames['coverage'])} of the clip covered"
        )
        if frames.get("padded"):
            notes.append(f"{frames['padded']} repeated to fill up")
    if record["mean_logprob"] is not None:
        notes.append(f"mean token probability {math.exp(min(0.0, record['mean_logprob'])):.2f}")
    if record["finish_reason"] == "length":
        notes.append("answer cut off at the token limit")
    total_s = record["timings_s"].get("total")
    if total_s is not None and record["is_ok"]:
        notes.append(f"{total_s:.2f} s")
    return notes
