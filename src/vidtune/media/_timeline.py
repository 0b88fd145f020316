"""When each frame of a clip appears: display order, key frames and the true end, without decoding.

Times are integers in the stream's own time base ("ticks"), so nothing is rounded before the last step.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from av import time_base as AV_TIME_BASE
from av.container import InputContainer
from av.video.stream import VideoStream

from vidtune.core.errors import VideoEmpty, VideoTooLarge, VideoUnreadable
from vidtune.media._container import Deadline, time_base_of
from vidtune.media._limits import ReadLimits

_DEADLINE_EVERY = 256
_DROPPED_SHARE = 0.1
_SLACK_S = 0.25
_SLACK_SHARE = 0.02


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
        """Return the frame on screen ``time_s`` seconds after the first one appeared."""
        tick = self.ticks[0] + Fraction(time_s) / self.time_base
        return min(max(bisect_right(self.ticks, tick) - 1, 0), self.num_frames - 1)

    def span_of(self, index: int) -> tuple[float, float]:
        """Return from when to when a frame is on screen, in seconds after the first one appeared."""
        until = self.ticks[index + 1] if index + 1 < self.num_frames else self.end_tick
        return self._seconds(self.ticks[index]), self._seconds(until)

    def key_before(self, tick: int) -> int:
        """Return the last key frame that appears at ``tick`` or earlier; the first frame if there is none."""
        position = bisect_right(self.key_ticks, tick)
        return self.key_ticks[position - 1] if position else self.ticks[0]

    def _seconds(self, tick: int) -> float:
        return float((tick - self.ticks[0]) * self.time_base)


@dataclass
class _Packets:
    """What the packets of a file say."""

    ticks: list[int | None] = field(default_factory=list)
    key_ticks: list[int] = field(default_factory=list)
    end_tick: int = 0
    end_s: float = 0.0
    """When the last of all streams ends, on the container's clock."""

    num_read: int = 0


def walk_packets(
    path: Path, container: InputContainer, stream: VideoStream, limits: ReadLimits, deadline: Deadline
) -> Timeline | None:
    """Read the packets of a stream and return its timeline; None when they do not say when they are shown.

    Raises:
        VideoEmpty: If there is no packet.
        VideoUnreadable: If the file ends before the frames that its index lists.
        VideoTooLarge: If there are more frames or seconds than ``limits`` allows, whatever the header said.
    """
    packets = _read_packets(path, container, stream, limits, deadline)
    _check_whole(path, container, stream, packets)
    ticks = packets.ticks
    if not ticks:
        raise VideoEmpty(f"{path} has a video stream without a single frame.", "Fetch or export the file again.")
    shown = sorted(tick for tick in ticks if tick is not None)
    if len(shown) < len(ticks) or len(set(shown)) < len(shown) or _is_guessed(container, stream, shown == ticks):
        return None
    timeline = make_timeline(shown, packets.end_tick, stream, tuple(sorted(packets.key_ticks)))
    if timeline.duration_s > limits.max_duration_s:
        raise VideoTooLarge(
            f"{path} lasts {timeline.duration_s:,.1f} s, the limit is {limits.max_duration_s:,} s.",
            "Cut the clip, or raise limits.max_duration_s.",
        )
    return timeline


def make_timeline(ticks: list[int], end_tick: int, stream: VideoStream, key_ticks: tuple[int, ...] = ()) -> Timeline:
    """Return the timeline of ascending ``ticks``; a last frame of unknown length gets the mean length."""
    if end_tick <= ticks[-1]:
        rate = stream.average_rate or Fraction(25)
        mean = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else 1 / (rate * time_base_of(stream))
        end_tick = ticks[-1] + max(1, round(mean))
    return Timeline(tuple(ticks), end_tick, time_base_of(stream), key_ticks)


def _is_guessed(container: InputContainer, stream: VideoStream, is_in_file_order: bool) -> bool:
    """Say whether presentation times are only the order of the file; AVI stores none, and B-frames need them."""
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames) and is_in_file_order


def _read_packets(
    path: Path, container: InputContainer, stream: VideoStream, limits: ReadLimits, deadline: Deadline
) -> _Packets:
    found = _Packets()
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
        if packet.stream_index != stream.index or packet.is_discard:
            continue  # discarded: before the start of an edit list, decoded but never shown
        found.ticks.append(packet.pts)
        if len(found.ticks) > limits.max_frames:
            raise VideoTooLarge(f"{path} has more than {limits.max_frames:,} frames.", "Cut the clip.")
        if packet.pts is not None and end is not None:
            found.end_tick = max(found.end_tick, end)
            if packet.is_keyframe:
                found.key_ticks.append(packet.pts)
    return found


def _check_whole(path: Path, container: InputContainer, stream: VideoStream, packets: _Packets) -> None:
    """Refuse a file that ends before what its header or index lists, as far as its format lets one know."""
    remedy = "Fetch or export the file again, or leave it out of the data set."
    if _is_matroska(container):
        promised_s = (container.duration or 0) / AV_TIME_BASE
        tolerance_s = max(_SLACK_S, _SLACK_SHARE * promised_s)
        if packets.end_s < promised_s - tolerance_s:
            raise VideoUnreadable(f"{path} is cut off: {packets.end_s:.2f} of {promised_s:.2f} s are there.", remedy)
        return
    num_promised = stream.frames
    if "mp4" in container.format.name.split(","):
        # Edit lists take samples out of the index but not out of the header's count.
        num_promised = len(stream.index_entries)
    elif container.format.name == "avi":
        num_promised = int(num_promised * (1 - _DROPPED_SHARE))  # counts pictures that were dropped while recording
    if packets.num_read < num_promised:
        raise VideoUnreadable(f"{path} is cut off: {packets.num_read} of {num_promised} frames are there.", remedy)


def _is_matroska(container: InputContainer) -> bool:
    return "matroska" in container.format.name
