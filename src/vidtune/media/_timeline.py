"""When each frame of a clip appears: display order, key frames and the true end, without decoding.

Times are integers in the stream's own time base ("ticks"), so nothing is rounded before the last step. They come from
the index of the file where it holds them, and from reading all packets where it does not.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from typing import cast

import numpy as np
from av import time_base as AV_TIME_BASE
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vidtune.core.errors import VideoEmpty, VideoTooLarge, VideoUnreadable
from vidtune.media._container import ClipFile, Deadline, time_base_of
from vidtune.media._limits import ReadLimits
from vidtune.media._mp4_index import SampleTable, read_sample_table

_DEADLINE_EVERY = 256
_ROUNDING_S = Fraction(1, 1_000_000)
_DROPPED_SHARE = 0.1
_SLACK_S = 0.25
_SLACK_SHARE = 0.02
_KEEP_BYTES = 64 * 1024**2
# A rate is steady when all gaps are about equal except for a few, which then are holes.
_MIN_GAPS, _STEADY_WITHIN, _MAX_HOLES_SHARE = 8, 0.4, 0.1
_VP8_SHOWN = 0x10
_REMEDY = "Fetch or export the file again, or leave it out of the data set."


@dataclass(frozen=True)
class Timeline:
    """The frames of one stream in display order."""

    ticks: tuple[int, ...]
    """When each frame appears; ascending."""

    end_tick: int
    """When the last frame ends."""

    time_base: Fraction
    """Seconds a tick."""

    key_ticks: tuple[int, ...]
    """Of the frames at which decoding can begin; empty when it must begin at the start."""

    @property
    def num_frames(self) -> int:
        """How many frames the clip has."""
        return len(self.ticks)

    @property
    def duration_s(self) -> float:
        """Presentation time from the first frame to the end of the last."""
        return float((self.end_tick - self.ticks[0]) * self.time_base)

    @property
    def fps(self) -> float:
        """Mean frames per second."""
        return self.num_frames / self.duration_s

    def index_at(self, time_s: float) -> int:
        """Return the frame on screen ``time_s`` seconds after the first one appeared.

        A time within a microsecond of a frame's beginning means that frame: as a float it may lie just before it.
        """
        tick = self.ticks[0] + (Fraction(time_s) + _ROUNDING_S) / self.time_base
        return min(max(bisect_right(self.ticks, tick) - 1, 0), self.num_frames - 1)

    def index_of(self, tick: int) -> int:
        """Return the frame that appears at ``tick``."""
        return bisect_left(self.ticks, tick)

    def span_of(self, index: int) -> tuple[float, float]:
        """Return from when to when a frame is on screen, in seconds after the first one appeared."""
        until = self.ticks[index + 1] if index + 1 < self.num_frames else self.end_tick
        return self._seconds(self.ticks[index]), self._seconds(until)

    def key_before(self, tick: int) -> int:
        """Return the last key frame that appears at ``tick`` or earlier; the first frame if there is none."""
        position = bisect_right(self.key_ticks, tick)
        return self.key_ticks[position - 1] if position else self.ticks[0]

    def key_nearest(self, tick: int) -> int:
        """Return the key frame that appears nearest to ``tick``, the earlier of two; the first frame if none."""
        position = bisect_left(self.key_ticks, tick)
        near = self.key_ticks[max(0, position - 1) : position + 1] or self.ticks[:1]
        return min(near, key=lambda key_tick: abs(key_tick - tick))

    @property
    def num_missing(self) -> int:
        """How many frames are missing from an otherwise steady rate; 0 when there is no such rate."""
        gaps = np.diff(np.array(self.ticks, dtype=np.float64))
        if len(gaps) < _MIN_GAPS:
            return 0
        steps = gaps / np.median(gaps)
        is_hole = steps > 1 + _STEADY_WITHIN
        is_steady = bool((steps > 1 - _STEADY_WITHIN).all()) and is_hole.mean() <= _MAX_HOLES_SHARE
        return int(np.round(steps[is_hole] - 1).sum()) if is_steady else 0

    def _seconds(self, tick: int) -> float:
        return float((tick - self.ticks[0]) * self.time_base)


@dataclass(frozen=True)
class Walk:
    """What the container says of its coded frames."""

    timeline: Timeline | None
    """None when the packets do not say when they are shown."""

    num_promised: int
    """How many frames a decoder should show: as many as are listed in a header or are there, whichever is more."""

    num_corrupt: int
    """How many coded frames the container itself says are damaged."""

    sizes_by_tick: dict[int, int] | None
    """Bytes of each coded frame; None without a timeline."""

    first_pts: int | None
    """Of the first packet in the file, shown or not."""

    packets: tuple[Packet[VideoStream], ...] | None
    """All of them, in decoding order, where they are few enough to be kept."""


@dataclass
class _Packets:
    """What the packets of a file say."""

    ticks: list[int | None] = field(default_factory=list)
    sizes_bytes: list[int] = field(default_factory=list)
    key_ticks: list[int] = field(default_factory=list)
    last_tick: float = -inf
    """When the last frame appears, and when it ends by its own duration: in decoding order, as MP4 tells them, that of
    an earlier one may reach far beyond it."""

    end_tick: int = 0
    end_s: float = 0.0
    """When the last of all streams ends, on the container's clock."""

    num_read: int = 0
    num_corrupt: int = 0
    num_hidden: int = 0
    """Of the pictures, how many are only there for others to be built from."""

    first_pts: int | None = None
    kept: list[Packet[VideoStream]] = field(default_factory=list)
    num_bytes: int = 0


def walk_clip(
    clip: ClipFile, container: InputContainer, stream: VideoStream, limits: ReadLimits, deadline: Deadline
) -> Walk:
    """Return when the frames of a stream appear, from the file's index or else from its packets.

    Raises:
        VideoEmpty: If there is no packet.
        VideoUnreadable: If the file ends before the frames that its index lists.
        VideoTooLarge: If there are more frames or seconds than ``limits`` allows, whatever the header said.
    """
    walk = _walk_index(clip, container, stream, limits) or _walk_packets(clip, container, stream, limits, deadline)
    timeline = walk.timeline
    if timeline is not None and timeline.duration_s > limits.max_duration_s:
        raise VideoTooLarge(
            f"{clip} lasts {timeline.duration_s:,.1f} s, the limit is {limits.max_duration_s:,} s.",
            "Cut the clip, or raise limits.max_duration_s.",
        )
    return walk


def make_timeline(ticks: list[int], end_tick: int, stream: VideoStream, key_ticks: tuple[int, ...] = ()) -> Timeline:
    """Return the timeline of ascending ``ticks``; a last frame of unknown length gets the mean length."""
    if end_tick <= ticks[-1]:
        rate = stream.average_rate or Fraction(25)
        mean = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else 1 / (rate * time_base_of(stream))
        end_tick = ticks[-1] + max(1, round(mean))
    return Timeline(tuple(ticks), end_tick, time_base_of(stream), key_ticks)


def _walk_index(clip: ClipFile, container: InputContainer, stream: VideoStream, limits: ReadLimits) -> Walk | None:
    """Return what the index of a plain MP4 file says; None for any other file.

    A short clip is not worth it: its packets are read in less time, and are wanted anyway.
    """
    size_bytes = clip.path.stat().st_size
    if "mp4" not in container.format.name.split(",") or size_bytes <= _KEEP_BYTES // 64:
        return None
    with clip.path.open("rb") as file:
        table = read_sample_table(file, stream.id, limits.max_frames)
    if table is None or not _fits(table, stream, size_bytes):
        return None
    first = next((packet for packet in container.demux(stream) if packet.size), None)
    if first is None or first.pts is None or first.is_discard or first.size != table.sizes_bytes[0]:
        return None
    order = np.argsort(table.ticks, kind="stable")
    shown = table.ticks + (first.pts - int(table.ticks[0]))
    ticks = shown[order]
    if (np.diff(ticks) <= 0).any():
        return None
    # Durations are told in decoding order: before a gap, that of an earlier frame may reach far beyond the last one.
    end_tick = int(ticks[-1] + table.durations[order[-1]])
    key_ticks = tuple(np.sort(shown[table.is_keyframe]).tolist())
    timeline = make_timeline(ticks.tolist(), end_tick, stream, key_ticks)
    sizes_by_tick = dict(zip(timeline.ticks, table.sizes_bytes[order].tolist(), strict=True))
    return Walk(timeline, len(ticks), 0, sizes_by_tick, first.pts, None)


def _fits(table: SampleTable, stream: VideoStream, size_bytes: int) -> bool:
    """Say whether FFmpeg read the same index, and the file is as long as it says."""
    entries = stream.index_entries
    if len(entries) != len(table.sizes_bytes) or table.last_chunk_start >= size_bytes:
        return False
    last = entries[len(entries) - 1]
    return last.pos + last.size <= size_bytes and last.size == table.sizes_bytes[-1]


def _walk_packets(
    clip: ClipFile, container: InputContainer, stream: VideoStream, limits: ReadLimits, deadline: Deadline
) -> Walk:
    packets = _read_packets(clip, container, stream, limits, deadline)
    _check_whole(clip, container, stream, packets)
    ticks = packets.ticks
    if not ticks:
        raise VideoEmpty(f"{clip} has a video stream without a single frame.", "Fetch or export the file again.")
    num_promised = _num_promised(container, stream, packets)
    kept = tuple(packets.kept) or None
    shown = sorted(tick for tick in ticks if tick is not None)
    if len(shown) < len(ticks) or len(set(shown)) < len(shown) or _is_guessed(container, stream, shown == ticks):
        return Walk(None, num_promised, packets.num_corrupt, None, packets.first_pts, kept)
    timeline = make_timeline(shown, packets.end_tick, stream, tuple(sorted(packets.key_ticks)))
    sizes_by_tick = {tick: size for tick, size in zip(ticks, packets.sizes_bytes, strict=True) if tick is not None}
    return Walk(timeline, num_promised, packets.num_corrupt, sizes_by_tick, packets.first_pts, kept)


def _is_guessed(container: InputContainer, stream: VideoStream, is_in_file_order: bool) -> bool:
    """Say whether presentation times are only the order of the file; AVI stores none, and B-frames need them."""
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames) and is_in_file_order


def _read_packets(
    clip: ClipFile, container: InputContainer, stream: VideoStream, limits: ReadLimits, deadline: Deadline
) -> _Packets:
    found = _Packets()
    is_vp8 = stream.codec_context.name in ("vp8", "libvpx")
    # Matroska says only how long its longest stream is, so there all of them are looked at.
    for packet in container.demux() if _is_matroska(container) else container.demux(stream):
        if packet.size == 0:
            continue  # the flush at the end, or a repeated picture of an AVI
        found.num_read += 1
        if found.num_read % _DEADLINE_EVERY == 0:
            deadline.check()
        end = None if packet.pts is None else packet.pts + (packet.duration or 0)
        if end is not None and packet.time_base is not None:
            found.end_s = max(found.end_s, float(end * packet.time_base))
        if packet.stream_index != stream.index:
            continue
        if not found.num_bytes:
            found.first_pts = packet.pts
        _keep(found, cast("Packet[VideoStream]", packet))
        if packet.is_discard:
            continue  # before the start of an edit list, decoded but never shown
        found.ticks.append(packet.pts)
        found.sizes_bytes.append(packet.size)
        found.num_corrupt += packet.is_corrupt
        found.num_hidden += is_vp8 and not memoryview(packet)[0] & _VP8_SHOWN
        if len(found.ticks) > limits.max_frames:
            raise VideoTooLarge(f"{clip} has more than {limits.max_frames:,} frames.", "Cut the clip.")
        if packet.pts is not None and end is not None:
            if packet.pts >= found.last_tick:
                found.last_tick, found.end_tick = packet.pts, end
            if packet.is_keyframe:
                found.key_ticks.append(packet.pts)
    return found


def _keep(found: _Packets, packet: Packet[VideoStream]) -> None:
    """Remember a packet, or none at all once they take too much memory."""
    found.num_bytes += packet.size
    if found.num_bytes <= _KEEP_BYTES:
        found.kept.append(packet)
    else:
        found.kept.clear()


def _check_whole(clip: ClipFile, container: InputContainer, stream: VideoStream, packets: _Packets) -> None:
    """Refuse a file that ends before what its header or index lists, as far as its format lets one know."""
    if _is_matroska(container):
        promised_s = (container.duration or 0) / AV_TIME_BASE
        tolerance_s = max(_SLACK_S, _SLACK_SHARE * promised_s)
        if packets.end_s < promised_s - tolerance_s:
            raise VideoUnreadable(f"{clip} is cut off: {packets.end_s:.2f} of {promised_s:.2f} s are there.", _REMEDY)
        return
    num_promised = num_needed = stream.frames
    if "mp4" in container.format.name.split(","):
        # Edit lists take samples out of the index but not out of the header's count.
        num_promised = num_needed = len(stream.index_entries)
    elif container.format.name == "avi":
        num_needed = int(num_promised * (1 - _DROPPED_SHARE))  # counts pictures that were dropped while recording
    if packets.num_read < num_needed:
        raise VideoUnreadable(f"{clip} is cut off: {packets.num_read} of {num_promised} frames are there.", _REMEDY)


def _num_promised(container: InputContainer, stream: VideoStream, packets: _Packets) -> int:
    """Return how many frames the file says it has, where it says so, and at least as many as are there."""
    num_there = len(packets.ticks) - packets.num_hidden
    if container.format.name == "avi":
        return max(num_there, stream.frames)
    if _is_matroska(container) and stream.average_rate:
        missing_s = (container.duration or 0) / AV_TIME_BASE - packets.end_s
        # Less than three quarters of a frame is how muxers round.
        return num_there + max(0, int(missing_s * stream.average_rate + 0.25))
    return num_there


def _is_matroska(container: InputContainer) -> bool:
    return "matroska" in container.format.name
