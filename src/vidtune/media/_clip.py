"""What every kind of clip offers once it is open, and the part of it that is common to all kinds.

A clip is a video file, a folder of frames, or frames in memory; it lives in this process or in the decoder's own. What
differs is where pictures come from. Which frame is meant by a time, and what the frame contract says about the ones
that were delivered, is decided here for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import VideoEmpty
from vidtune.media._frameset import FrameSet, measure_coverage
from vidtune.media._picture import Picture
from vidtune.media._probe import VideoInfo
from vidtune.media._timeline import Timeline

ReadMode = Literal["exact", "keyframe"]
"""``exact``: the frame on screen at each time. ``keyframe``: the key frame nearest to it, many times faster; the times
of the frames that were delivered are still the true ones."""


@dataclass(frozen=True)
class Wanted:
    """Frames of a clip, by time."""

    times_s: tuple[float, ...]
    """In seconds after the first frame of the clip, any order."""

    max_side_px: int | None = None
    mode: ReadMode = "exact"
    start_s: float = 0.0
    end_s: float | None = None
    """Of the part of the clip that coverage is measured on."""


@dataclass(frozen=True)
class WantedScan:
    """A cheap look at a part of a clip."""

    rate_hz: float
    max_side_px: int
    is_grey: bool = False
    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True, eq=False)
class Scan:
    """Small frames of a clip at a low rate: a first look, not what a model is given."""

    frames_thwc: NDArray[np.uint8]
    """RGB, or one grey channel. Decoded without the loop filter, so a grey level or two off."""

    times_s: NDArray[np.float64]
    """When each appears, in seconds after the first frame of the clip; ascending."""

    indices: NDArray[np.int64]
    info: VideoInfo


class PacketSizes(NamedTuple):
    """The coded frames of a clip in the order in which they appear."""

    times_s: NDArray[np.float64]
    sizes_bytes: NDArray[np.int64]
    is_keyframe: NDArray[np.bool_]


class Clip(Protocol):
    """An open clip."""

    info: VideoInfo

    def decode(self, wanted: Wanted) -> FrameSet:
        """Return the frames on screen at the wanted times."""

    def scan(self, wanted: WantedScan) -> Scan:
        """Return small frames at about the wanted rate."""

    def packet_sizes(self) -> PacketSizes:
        """Return the size of every coded frame; decodes nothing."""


@dataclass(frozen=True)
class SourceFacts:
    """What the frame contract says about the source."""

    sha256: str
    num_lost: int = 0
    num_corrupt: int = 0


def chosen_indices(timeline: Timeline, wanted: Wanted) -> list[int]:
    """Return for each wanted time the frame that is meant, ascending."""
    indices = [timeline.index_at(time_s) for time_s in wanted.times_s]
    if wanted.mode == "keyframe":
        indices = [timeline.index_of(timeline.key_nearest(timeline.ticks[index])) for index in indices]
    return sorted(indices)


def scanned_indices(timeline: Timeline, wanted: WantedScan) -> list[int]:
    """Return the frames of a first look: evenly spaced, or key frames near there where there are enough of them.

    A rate at or above the clip's gives every frame of it once.
    """
    start_s, end_s = part_of(timeline.duration_s, wanted.start_s, wanted.end_s)
    num_frames = max(1, round((end_s - start_s) * min(wanted.rate_hz, timeline.fps)))
    gap_s = (end_s - start_s) / num_frames
    times_s = [start_s + (number + 0.5) * gap_s for number in range(num_frames)]
    # Where decoding must pass through the frames between key frames anyhow, even steps cost nothing.
    is_sparse = len(timeline.key_ticks) * gap_s >= timeline.duration_s
    return sorted({_scanned_index(timeline, time_s, gap_s if is_sparse else 0.0) for time_s in times_s})


def _scanned_index(timeline: Timeline, time_s: float, gap_s: float) -> int:
    index = timeline.index_at(time_s)
    key = timeline.index_of(timeline.key_nearest(timeline.ticks[index]))
    return key if abs(timeline.span_of(key)[0] - time_s) < gap_s / 2 else index


def part_of(duration_s: float, start_s: float, end_s: float | None) -> tuple[float, float]:
    """Return the bounds of a part of a clip.

    Raises:
        VideoEmpty: If the clip ends before the part begins.
        ValueError: If the part is empty or begins before the clip.
    """
    if start_s >= duration_s:
        raise VideoEmpty(
            f"the part from {start_s:g} s on is not in a clip of {duration_s:g} s.", "Mend the times of the part."
        )
    end_s = duration_s if end_s is None else min(end_s, duration_s)
    if not 0 <= start_s < end_s:
        raise ValueError(f"the part from {start_s:g} s to {end_s:g} s is not in a clip of {duration_s:g} s.")
    return start_s, end_s


def assemble(
    timeline: Timeline, indices: Sequence[int], pictures: Mapping[int, Picture], wanted: Wanted, facts: SourceFacts
) -> FrameSet:
    """Return the pictures of the frames ``indices`` (ascending, may repeat) under the frame contract."""
    chosen = [pictures[index] for index in indices]
    start_s, end_s = part_of(timeline.duration_s, wanted.start_s, wanted.end_s)
    spans_s = [timeline.span_of(index) for index in indices]
    within_s = [(max(0.0, from_s - start_s), min(to_s, end_s) - start_s) for from_s, to_s in spans_s]
    is_part = (start_s, end_s) != (0.0, timeline.duration_s)
    return FrameSet(
        frames_thwc=np.stack([picture.pixels_hwc for picture in chosen]),
        indices=tuple(indices),
        times_s=tuple(from_s for from_s, _ in spans_s),
        fps=timeline.fps,
        rotation_deg=chosen[0].rotation_deg,
        duration_s=timeline.duration_s,
        coverage=measure_coverage(within_s, end_s - start_s),
        source_sha256=facts.sha256,
        num_requested=len(indices),
        padded=len(indices) - len(set(indices)),
        num_damaged=sum(picture.is_damaged for picture in chosen),
        num_in_clip=timeline.num_frames,
        num_lost=facts.num_lost,
        num_corrupt=facts.num_corrupt,
        time_accuracy=wanted.mode,
        start_s=start_s if is_part else None,
        end_s=end_s if is_part else None,
    )


def assemble_scan(timeline: Timeline, indices: Sequence[int], pictures: Mapping[int, Picture], info: VideoInfo) -> Scan:
    """Return the pictures of a first look."""
    return Scan(
        np.stack([pictures[index].pixels_hwc for index in indices]),
        np.array([timeline.span_of(index)[0] for index in indices], dtype=np.float64),
        np.array(indices, dtype=np.int64),
        info,
    )
