"""The samples on the page: what was seen, asked and answered, and the pictures that still fit."""

from __future__ import annotations

import base64
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vidtune.reports._cells import colour_of, percent
from vidtune.reports._view import Row, RunView

STRIP_BUDGET_BYTES = 24 * 1024 * 1024
"""Pictures inlined into one page at most, as they stand in the page; a heavier one opens slowly on a phone."""

_CLIP_FOLDERS = (".", "clips", "videos")
"""Beside the report: where a clip is looked for."""
_CLIP_SUFFIXES = frozenset({".mp4", ".m4v", ".webm", ".mov", ".mkv", ".ogv"})


def sample_columns(view: RunView) -> list[Mapping[str, Any]]:
    """Return the metrics shown for each sample; the published rule repeats ours and is left out."""
    return [row for name, row in view.summaries.items() if not name.endswith("_compat")]


def sample_items(view: RunView, strips: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return every sample as the page shows it."""
    columns = sample_columns(view)
    clips = find_clips(view)
    return [_item(view, row, columns, strips, clips) for row in view.rows]


def strip_uri(root: Path, row: Row) -> str:
    """Return the picture of what the model saw of a sample as a data URI; empty where there is none in the run."""
    name = row.record["strip"]
    path = _inside(root.resolve(), root / str(name)) if name else None
    content = path.read_bytes() if path else b""
    return "data:image/jpeg;base64," + base64.b64encode(content).decode() if content.startswith(b"\xff\xd8") else ""


def find_clips(view: RunView) -> dict[str, str]:
    """Return where the clips lie that are beside the report, by video, as addresses within the run directory."""
    root = view.run.path.resolve()
    places = [place for place in _CLIP_FOLDERS if (root / place).is_dir()]
    found: dict[str, str] = {}
    for video in {row.record["video"] for row in view.rows} if places else ():
        for place in places:
            path = _inside(root, root / place / video)
            if path is not None and path.suffix.lower() in _CLIP_SUFFIXES:
                found[video] = quote(str(path.relative_to(root)))
                break
    return found


def _inside(root: Path, path: Path) -> Path | None:
    """Return a file's real place if it is in the run: no record may put another file of the disk on the page."""
    try:
        place = path.resolve()
        return place if place.is_relative_to(root) and place.is_file() else None
    except (OSError, ValueError):
        return None


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
        path = _inside(root, root / str(name)) if name else None
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
        **{key: item[key] for key in ("number", "state", "flags", "video", "label", "num_frames", "notes", "clip")},
        "strip": item["strip"] or "",
        "error": item["told"][0][1] if item["error"] else "",
        "marks": [[mark["text"], mark["colour"], mark["sort"]] for mark in item["marks"]],
        "told": item["told"],
    }


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


def _item(
    view: RunView,
    row: Row,
    columns: Sequence[Mapping[str, Any]],
    strips: Mapping[int, str],
    clips: Mapping[str, str],
) -> dict[str, Any]:
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
        "strip": strips.get(row.number),
        "clip": clips.get(record["video"], ""),
        "num_frames": record["frames"]["delivered"] if record["frames"] else 0,
        "notes": _notes(record),
        "error": record["error"],
        "told": _told(view, row),
        "marks": marks,
    }


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
