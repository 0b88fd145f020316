"""What the model was given of each sample, in words: frames, sound, subtitles; and over all samples."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from vidtune.reports._cells import percent
from vidtune.reports._view import RunView

_UNHEARD_S = 0.1
"""Headers round: so much less than they promise is no sound that was left out."""

_PLACES = {"between": "between the frames", "before": "before the question"}
_SILENCE = "silence"


def seen_facts(view: RunView) -> list[tuple[str, str]]:
    """Return what the model was given over all samples, as (name, text); sound and subtitles where it had some."""
    records = [row.record for row in view.rows]
    frames = [record["frames"] for record in records if record["frames"]]
    facts = _frame_facts(frames, len(records)) if frames else []
    tokens = [record["num_visual_tokens"] for record in records if record["num_visual_tokens"]]
    if frames and tokens:
        facts.append(("Visual tokens for each clip", _spread(tokens, "")))
    return [*facts, *_sound_facts(records), *_subtitle_facts(records)]


def delivered_notes(record: Mapping[str, Any]) -> list[str]:
    """Return what the model was given of one sample, a sentence for each kind of it."""
    return [*_condition_notes(record), *_frame_notes(record["frames"]), *_sound_notes(record), *_subtitle_notes(record)]


def _frame_facts(frames: Sequence[Mapping[str, Any]], num_samples: int) -> list[tuple[str, str]]:
    coverages = [one["coverage"] for one in frames]
    return [
        ("Clips read", f"{len(frames)} of {num_samples}"),
        ("Frames for each clip", _spread([one["delivered"] for one in frames], "")),
        ("Fewer frames than asked for", _clips(sum(one["delivered"] != one["requested"] for one in frames))),
        ("Frames repeated to fill up", _clips(sum(bool(one.get("padded")) for one in frames))),
        ("Damaged frames left out", _clips(sum(bool(one.get("damaged")) for one in frames))),
        ("Length of a clip", _spread([one["duration_s"] for one in frames], " s")),
        ("Part of a clip covered", f"{percent(statistics.fmean(coverages))}, least {percent(min(coverages))}"),
    ]


def _sound_facts(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    sounds = [record["sound"] for record in records if record["sound"]]
    if not sounds:
        return []
    facts = [
        ("Samples with sound", f"{len(sounds)} of {len(records)}"),
        ("Sound heard of each", _spread([float(one["delivered_s"]) for one in sounds], " s")),
        ("Less sound than there was", _samples(sum(_is_cut(one) for one in sounds))),
    ]
    num_lost = sum(one["gap_s"] > 0 for one in sounds)
    return [*facts, ("Sound lost in the middle", _samples(num_lost))] if num_lost else facts


def _subtitle_facts(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    shown = [record["subtitles"] for record in records if record["subtitles"]]
    if not shown:
        return []
    places = sorted({_PLACES.get(one["place"], str(one["place"])) for one in shown})
    return [
        ("Samples with subtitles", f"{len(shown)} of {len(records)}, {' or '.join(places)}"),
        ("Subtitle lines of each", _spread([one["num_lines"] for one in shown], "")),
    ]


def _condition_notes(record: Mapping[str, Any]) -> list[str]:
    notes = [f"asked with {record['condition'].replace('_', ' ')}"] if record["condition"] else []
    return [*notes, f"shown the clip {record['shown_video']}"] if record["shown_video"] else notes


def _frame_notes(frames: Mapping[str, Any] | None) -> list[str]:
    if not frames:
        return []
    times = ", ".join(f"{time_s:.2f}" for time_s in frames["times_s"])
    whole = f"part from {frames['start_s']:.2f} to {frames['end_s']:.2f} s" if "start_s" in frames else "clip"
    told = (
        f"{frames['delivered']} of {frames['requested']} frames, at {times} s of {frames['duration_s']:.2f} s; "
        f"{percent(frames['coverage'])} of the {whole} covered"
    )
    return [told, f"{frames['padded']} repeated to fill up"] if frames.get("padded") else [told]


def _sound_notes(record: Mapping[str, Any]) -> list[str]:
    sound = record["sound"]
    if not sound:
        return []
    what = "silence in place of the sound" if record["condition"] == _SILENCE else "of sound heard"
    told = f"{sound['delivered_s']:.2f} of {sound['requested_s']:.2f} s {what}"
    if sound["start_s"] >= _UNHEARD_S:
        told += f", from {sound['start_s']:.2f} s on"
    if sound["gap_s"] > 0:
        told += f", {sound['gap_s']:.2f} s of it lost"
    if record["heard_sample"]:
        told += f"; it is that of {record['heard_sample']}"
    return [told]


def _subtitle_notes(record: Mapping[str, Any]) -> list[str]:
    shown = record["subtitles"]
    if not shown:
        return []
    place = _PLACES.get(shown["place"], str(shown["place"]))
    num = shown["num_lines"]
    return [f"{num} line{'' if num == 1 else 's'} of subtitles {place}" if num else "no subtitles at these frames"]


def _is_cut(sound: Mapping[str, Any]) -> bool:
    return bool(sound["delivered_s"] < sound["requested_s"] - _UNHEARD_S)


def _clips(num: int) -> str:
    return f"{num} clip{'' if num == 1 else 's'}" if num else "no clip"


def _samples(num: int) -> str:
    return f"{num} sample{'' if num == 1 else 's'}" if num else "no sample"


def _spread(values: Sequence[float], unit: str) -> str:
    low, high = min(values), max(values)
    shown = [f"{value:,}" if isinstance(value, int) else f"{value:.2f}" for value in (low, high)]
    return f"{shown[0]}{unit}" if shown[0] == shown[1] else f"{shown[0]} to {shown[1]}{unit}"
