"""What is on both sides of a split, so that a score measures memory: people, clips, altered copies of clips."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from vidtune.data._paths import clean_path, without_suffix
from vidtune.data._samples import Sample
from vidtune.data._split_time import Place, place_shown

LeakKind = Literal["video", "recording", "augmentation", "subject"]
"""``recording``: parts hold different times of a video, which is what a split by time is."""

_COPY = re.compile(r"(.+)_(\d{1,2})")
_CAMERA_ID = re.compile(r"\d{6,}")
"""QVED's clips are numbered with eight digits; ``00093026_3`` is then a copy even when its original is not there."""


@dataclass(frozen=True)
class Leak:
    """One thing that more than one split contains."""

    kind: LeakKind
    key: str
    """The video or recording, the original clip or the subject."""

    splits: tuple[str, ...]
    num_samples: int

    def to_text(self) -> str:
        """Return the leak in a few words."""
        named = {
            "video": "video",
            "recording": "other times of recording",
            "augmentation": "copies of",
            "subject": "subject",
        }[self.kind]
        return f"{named} {self.key} in {' and '.join(self.splits)}"


def find_leaks(splits: Mapping[str, Sequence[Sample]]) -> tuple[Leak, ...]:
    """Return everything shared by two or more splits: clips first, then altered copies, then subjects.

    People who are shared by their recordings alone, cut by time, are not told a second time.
    """
    families = find_families(sample.video for samples in splits.values() for sample in samples)
    seen_videos: dict[str, dict[str, int]] = {}
    seen_families: dict[str, dict[str, int]] = {}
    seen_subjects: dict[str, dict[str, int]] = {}
    videos_of: dict[str, set[str]] = {}
    for split, samples in splits.items():
        for sample in samples:
            video = clean_path(sample.video)
            _count(seen_videos, video, split)
            _count(seen_families, families[video], split)
            if sample.subject is not None:
                _count(seen_subjects, sample.subject, split)
                videos_of.setdefault(sample.subject, set()).add(video)
    shared = _shared("video", seen_videos)
    by_time = _cut_by_time({leak.key for leak in shared}, splits)
    leaks = [replace(leak, kind="recording") if leak.key in by_time else leak for leak in shared]
    leaking = {families[leak.key] for leak in leaks}
    leaks += [leak for leak in _shared("augmentation", seen_families) if leak.key not in leaking]
    leaks += [leak for leak in _shared("subject", seen_subjects) if not videos_of[leak.key] <= by_time]
    return tuple(leaks)


def _cut_by_time(videos: Collection[str], splits: Mapping[str, Sequence[Sample]]) -> set[str]:
    """Return those of ``videos`` of which each split shows a stretch of its own."""
    places_of: dict[str, list[tuple[Place | None, str]]] = {video: [] for video in videos}
    for split, samples in splits.items():
        for sample in samples:
            if (video := clean_path(sample.video)) in places_of:
                places_of[video].append((place_shown(sample), split))
    return {video for video, places in places_of.items() if _are_apart(places)}


def _are_apart(places: Sequence[tuple[Place | None, str]]) -> bool:
    """Whether only parts are shown, in one unit, and between the stretches of two splits at least one part would fit.

    Neighbours show nearly the same and have nearly always the same answer: a model that learned one remembers it.
    """
    known = [(place, split) for place, split in places if place is not None]
    if len(known) < len(places) or len({place.unit for place, _ in known}) > 1:
        return False
    by_split: dict[str, list[Place]] = {}
    for place, split in known:
        by_split.setdefault(split, []).append(place)
    stretches = sorted((min(parts).start, max(part.end for part in parts)) for parts in by_split.values())
    gaps = [start - end for (_, end), (start, _) in pairwise(stretches)]
    return min(gaps) > 0 and min(gaps) >= min(place.end - place.start for place, _ in known)


def find_families(videos: Iterable[str]) -> dict[str, str]:
    """Return for every video the clip it was made from, itself when it is no copy.

    ``squats/a_3.mp4`` is a copy of ``squats/a.mp4`` when that is among the videos too, or when ``a`` is a
    number of six digits or more; otherwise ``squat_1`` and ``squat_2`` are two clips that were counted.

    Example:
        >>> find_families(["squats/a.mp4", "squats/a_3.mp4", "take_1.mp4"])
        {'squats/a.mp4': 'squats/a', 'squats/a_3.mp4': 'squats/a', 'take_1.mp4': 'take_1'}
    """
    stems = {video: without_suffix(video) for video in map(clean_path, videos)}
    originals = set(stems.values())
    return {video: _original_of(stem, originals) for video, stem in stems.items()}


def clip_families(videos: Iterable[str]) -> dict[str, str]:
    """Return what ``find_families`` does, by the paths as they are written."""
    written = list(dict.fromkeys(videos))
    families = find_families(written)
    return {video: families[clean_path(video)] for video in written}


def _original_of(stem: str, originals: set[str]) -> str:
    match = _COPY.fullmatch(stem)
    while match is not None:
        base = match.group(1)
        if base not in originals and not _CAMERA_ID.fullmatch(base.rpartition("/")[2]):
            break
        stem = base
        match = _COPY.fullmatch(stem)
    return stem


def _count(seen: dict[str, dict[str, int]], key: str, split: str) -> None:
    by_split = seen.setdefault(key, {})
    by_split[split] = by_split.get(split, 0) + 1


def _shared(kind: LeakKind, seen: Mapping[str, Mapping[str, int]]) -> list[Leak]:
    return [
        Leak(kind, key, tuple(sorted(by_split)), sum(by_split.values()))
        for key, by_split in sorted(seen.items())
        if len(by_split) > 1
    ]
