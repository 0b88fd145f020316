"""Prediction records as the reports need them, whatever file they came from.

Our own log, JSON Lines by another tool, and the QVED pipeline's list all become the same shape, under the sample ids
that the scores were written with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import DataInvalid

Record = Mapping[str, Any]
_SOUND_FACTS = ("requested_s", "delivered_s", "start_s", "gap_s")
_FRAME_FACTS = {"requested", "delivered", "coverage", "times_s", "duration_s"}


def read_records(path: Path) -> list[Record]:
    """Return the records of a predictions file, one for each sample; of several tries the last counts.

    Raises:
        RunCorrupt: If a checksummed record is damaged.
        DataInvalid: If the file is not JSON or holds no predictions.
    """
    found = _read_list(path) if path.suffix == ".json" else _read_lines(path)
    known = [_normalise(record) for record in found if isinstance(record, Mapping)]
    latest = {record["sample_id"]: record for record in _number_repeats(known)}
    if not latest:
        raise DataInvalid(f"{path} holds no predictions.", "Run `vidtune predict` first.")
    return list(latest.values())


def _read_list(path: Path) -> Sequence[Any]:
    value = read_json(path)
    if isinstance(value, Mapping):
        value = value.get("predictions", value.get("results"))
    return value if isinstance(value, list) else []


def _read_lines(path: Path) -> Sequence[Any]:
    content = path.read_bytes()
    if b'"crc32":' in content.split(b"\n", 1)[0]:
        return RecordLog(path).read()
    try:
        return [json.loads(line) for line in content.decode("utf-8-sig", errors="replace").splitlines() if line.strip()]
    except ValueError as exc:
        raise DataInvalid(f"{path} is not JSON Lines: {exc}.", "Mend or re-create the file.") from exc


def _normalise(record: Record) -> dict[str, Any]:
    """Return the record with every key a report uses."""
    is_ok = record.get("status", "ok") != "error" and record.get("prediction") is not None
    video = str(record.get("video") or record.get("video_path") or "")
    return {
        "has_own_id": "sample_id" in record,
        "sample_id": str(record.get("sample_id", video)),
        "video": video,
        "subject": record.get("subject"),
        "label": record.get("label"),
        "question": str(record.get("question") or record.get("prompt") or ""),
        "answer": str(record.get("answer") or record.get("ground_truth") or ""),
        "is_ok": is_ok,
        "prediction": str(record["prediction"]) if is_ok else "",
        "error": None if is_ok else _error_of(record.get("error")),
        "frames": _frames_of(record.get("frames")),
        "sound": _sound_of(record.get("sound")),
        "audio": _named_sound(record.get("meta")),
        "subtitles": _subtitles_of(record.get("subtitles")),
        **{key: str(record.get(key) or "") for key in ("condition", "shown_video", "heard_sample")},
        "strip": record.get("strip"),
        "finish_reason": record.get("finish_reason"),
        "mean_logprob": record.get("mean_logprob"),
        "num_visual_tokens": record.get("num_visual_tokens"),
        "num_prompt_tokens": record.get("num_prompt_tokens"),
        "num_new_tokens": record.get("num_new_tokens"),
        "timings_s": record.get("timings_s") or {},
    }


def _frames_of(frames: Any) -> Mapping[str, Any] | None:
    """Return which frames were seen, where it is told as vidtune does; others list names of files, or a part of it."""
    is_ours = isinstance(frames, Mapping) and frames.keys() >= _FRAME_FACTS and type(frames["delivered"]) is int
    return frames if is_ours else None


def _sound_of(sound: Any) -> Mapping[str, Any] | None:
    """Return how much was heard, where it is told as vidtune does."""
    is_ours = isinstance(sound, Mapping) and all(type(sound.get(key)) in (int, float) for key in _SOUND_FACTS)
    return sound if is_ours else None


def _named_sound(meta: Any) -> str:
    """Return the sound file that the data name for the sample; nothing where they name none."""
    named = meta.get("audio") if isinstance(meta, Mapping) else None
    return named if isinstance(named, str) else ""


def _subtitles_of(subtitles: Any) -> Mapping[str, Any] | None:
    """Return how many lines of subtitles were shown and where, where it is told as vidtune does."""
    is_ours = isinstance(subtitles, Mapping) and type(subtitles.get("num_lines")) is int and "place" in subtitles
    return subtitles if is_ours else None


def _error_of(error: Any) -> dict[str, str]:
    """Return code, problem and remedy; the QVED pipeline keeps a sentence, sometimes behind our code."""
    if isinstance(error, Mapping):
        return {key: str(error.get(key) or "") for key in ("code", "problem", "remedy")}
    code, found, problem = str(error or "").partition(": ")
    if found and code.isidentifier() and code.islower():
        return {"code": code, "problem": problem, "remedy": ""}
    return {"code": "unknown", "problem": str(error or "failed without saying why"), "remedy": ""}


def _number_repeats(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell apart the questions about one video in files without ids, as scoring does."""
    total = Counter(record["sample_id"] for record in records if not record["has_own_id"])
    seen: Counter[str] = Counter()
    numbered = []
    for record in records:
        name = record["sample_id"]
        if not record["has_own_id"] and total[name] > 1:
            seen[name] += 1
            record = {**record, "sample_id": f"{name}#{seen[name]}"}
        numbered.append(record)
    return numbered
