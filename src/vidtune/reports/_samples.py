"""The samples on the page: what was seen, asked and answered, and the pictures that still fit."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidtune.reports._beside import find_clips, find_sounds, inside
from vidtune.reports._cells import colour_of
from vidtune.reports._delivered import delivered_notes
from vidtune.reports._view import Row, RunView

STRIP_BUDGET_BYTES = 24 * 1024 * 1024
"""Pictures inlined into one page at most, as they stand in the page; a heavier one opens slowly on a phone."""


def sample_columns(view: RunView) -> list[Mapping[str, Any]]:
    """Return the metrics shown for each sample; the published rule repeats ours and is left out."""
    return [row for name, row in view.summaries.items() if not name.endswith("_compat")]


def sample_items(view: RunView, strips: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return every sample as the page shows it."""
    columns = sample_columns(view)
    media = find_clips(view), find_sounds(view)
    return [_item(view, row, columns, strips, media) for row in view.rows]


def strip_uri(root: Path, row: Row) -> str:
    """Return the picture of what the model saw of a sample as a data URI; empty where there is none in the run."""
    name = row.record["strip"]
    path = inside(root.resolve(), root / str(name)) if name else None
    content = path.read_bytes() if path else b""
    return "data:image/jpeg;base64," + base64.b64encode(content).decode() if content.startswith(b"\xff\xd8") else ""


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
        path = inside(root, root / str(name)) if name else None
        if path is None:
            continue
        size_bytes = math.ceil(path.stat().st_size / 3) * 4
        if size_bytes > left_bytes:
            num_left_out += 1
            continue
        strip = strip_uri(root, row)
        if strip:
            found[row.number] = strip
            left_bytes -= size_bytes
    return found, num_left_out


def sample_data(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sample as the page's script draws it: what the template shows, in plain values."""
    return {
        **{
            key: item[key]
            for key in ("number", "state", "flags", "video", "label", "num_frames", "notes", "clip", "sound")
        },
        "strip": item["strip"] or "",
        "error": item["told"][0][1] if item["error"] else "",
        "marks": [[mark["text"], mark["colour"], mark["sort"]] for mark in item["marks"]],
        "told": item["told"],
    }


def _value(row: Row, field: str | None) -> float:
    value = row.scores.get(field) if field else None
    return math.inf if value is None else float(value)


def _item(
    view: RunView,
    row: Row,
    columns: Sequence[Mapping[str, Any]],
    strips: Mapping[int, str],
    media: tuple[Mapping[str, str], Mapping[str, str]],
) -> dict[str, Any]:
    record = row.record
    clips, sounds = media
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
        "strip": strips.get(row.number),
        "clip": _of_part(clips.get(row.shown_video, ""), record["frames"] or {}),
        "sound": sounds.get(row.sound_file, ""),
        "num_frames": record["frames"]["delivered"] if record["frames"] else 0,
        "notes": _notes(record),
        "error": record["error"],
        "told": _told(view, row),
        "marks": marks,
    }


def _of_part(address: str, frames: Mapping[str, Any]) -> str:
    """Return where a clip is, with the part of it that was shown as browsers understand it (Media Fragments)."""
    if not address or "start_s" not in frames:
        return address
    return f"{address}#t={frames['start_s']:g},{frames['end_s']:g}"


def _told(view: RunView, row: Row) -> list[tuple[str, str, str]]:
    """Return what was asked and answered: (name, text, role); the error of a failed sample first."""
    record = row.record
    told = [("Failed", row.error_text, "fault")] if not row.is_ok else []
    told += [("Asked", record["question"], ""), ("Expert", record["answer"], "")]
    if view.baseline:
        told.append(("Before", row.base_text, ""))
    if row.is_ok:
        told.append(("After" if view.baseline else "Model", record["prediction"] or "(empty answer)", "ours"))
    return told


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
    notes += delivered_notes(record)
    if record["mean_logprob"] is not None:
        notes.append(f"mean token probability {math.exp(min(0.0, record['mean_logprob'])):.2f}")
    if record["finish_reason"] == "length":
        notes.append("answer cut off at the token limit")
    total_s = record["timings_s"].get("total")
    if total_s is not None and record["is_ok"]:
        notes.append(f"{total_s:.2f}\u00a0s in all")
    return notes
