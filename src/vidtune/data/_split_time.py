"""Cut recordings into stretches of time, with a gap between parts that nothing of either may reach into."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from vidtune.core.errors import DataInvalid
from vidtune.data._paths import clean_path
from vidtune.data._samples import Sample

_NUMBER = re.compile(r"(\d+)(?:\.\w+)?$")


class Place(NamedTuple):
    """Where in its recording a window begins and ends."""

    start: float
    end: float
    unit: Literal["frames", "seconds"]


def cut_by_time(
    samples: Sequence[Sample], ratios: Mapping[str, float], guard: float
) -> tuple[dict[str, list[Sample]], tuple[Sample, ...]]:
    """Return the windows of each part, in file order, and those that are left out.

    Of every recording the first stretch goes to the first part, and so on, by number of windows. A window that is
    nearer than ``guard`` to a window of a later part, or overlaps one, is left out; so are questions about the same
    window on both sides. Two neighbouring windows of a recording show nearly the same picture and have nearly always
    the same answer: without a gap a score measures memory.

    Raises:
        DataInvalid: If a window's place in its recording is not known.
    """
    by_recording: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        by_recording.setdefault(clean_path(sample.video), []).append(index)
    places = [place_of(sample) for sample in samples]
    unknown = [sample.sample_id for sample, place in zip(samples, places, strict=True) if place is None]
    if unknown:
        raise DataInvalid(
            f"{len(unknown)} of {len(samples)} samples have no place in their recording, e.g. {unknown[0]}.",
            "Give `frames`, `frame_numbers` or `start_s` and `end_s`, or split by 'video'.",
        )
    known = [place for place in places if place is not None]
    part_of: dict[int, str] = {}
    for indices in by_recording.values():
        part_of |= _cut_one(sorted(indices, key=lambda index: known[index]), known, ratios, guard)
    parts: dict[str, list[Sample]] = {name: [] for name in ratios}
    left_out = []
    for index, sample in enumerate(samples):
        if index in part_of:
            parts[part_of[index]].append(sample)
        else:
            left_out.append(sample)
    return parts, tuple(left_out)


def place_of(sample: Sample) -> Place | None:
    """Return where in its recording a window is; None where nothing says it."""
    start_s, end_s = _seconds(sample.meta.get("start_s")), _seconds(sample.meta.get("end_s"))
    named = None if start_s is None or end_s is None else Place(start_s, end_s, "seconds")
    return place_shown(sample) or named


def place_shown(sample: Sample) -> Place | None:
    """Return the part of its recording that a model is shown of a sample; None for all of it.

    ``start_s`` and ``end_s`` say where something is and cut nothing.
    """
    meta = sample.meta
    official = meta.get("official")
    numbers = meta.get("frame_numbers") or (official.get("frame_numbers") if isinstance(official, Mapping) else None)
    if not numbers and isinstance(meta.get("frames"), list):
        found = [_NUMBER.search(str(name)) for name in meta["frames"]]
        numbers = [int(match.group(1)) for match in found if match]
    if isinstance(numbers, list) and numbers and all(isinstance(number, int | float) for number in numbers):
        return Place(float(min(numbers)), float(max(numbers)), "frames")
    if meta.keys() & {"video_start_s", "video_end_s"}:
        return Place(meta.get("video_start_s", 0.0), meta.get("video_end_s", math.inf), "seconds")
    return None


def _seconds(value: Any) -> float | None:
    """Return a number of seconds; a cell of a table has it as text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _cut_one(
    ordered: Sequence[int], places: Sequence[Place], ratios: Mapping[str, float], guard: float
) -> dict[int, str]:
    part_of: dict[int, str] = {}
    reached = float("-inf")
    start, share = 0, 0.0
    for name, ratio in ratios.items():
        share += ratio
        end = round(share * len(ordered))
        # What begins before the last part's reach, and the gap after it, belongs to neither.
        kept = [
            index for index in ordered[start:end] if places[index].start > reached + guard or reached == float("-inf")
        ]
        part_of |= dict.fromkeys(kept, name)
        reached = max([reached, *(places[index].end for index in ordered[start:end])])
        start = end
    return part_of
