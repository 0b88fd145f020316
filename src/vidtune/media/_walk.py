"""Every frame of a file, one after the other: for work that changes or measures all of them.

``walk_here`` decodes in this process; ``walk_frames`` of ``_read`` is the door, and goes through a decoder process
unless ``ReadLimits`` says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidtune.core.errors import VideoTooLarge
from vidtune.media._container import ClipFile, Deadline, opened_video, time_base_of
from vidtune.media._decode import set_all_threads
from vidtune.media._limits import ReadLimits
from vidtune.media._picture import PictureMaker


@dataclass(frozen=True)
class WantedWalk:
    """What every frame of a clip is wanted as."""

    max_side_px: int | None = None
    is_grey: bool = False
    """One channel instead of three."""

    full_indices: tuple[int, ...] = ()
    """Places of frames that come as large as they are, too."""


@dataclass(frozen=True, eq=False)
class WalkedFrame:
    """One decoded frame, upright."""

    pixels_hwc: NDArray[np.uint8]
    """RGB, or one grey channel; scaled as wanted."""

    full_hwc: NDArray[np.uint8] | None
    """As large as it is, where that was wanted."""

    size_hw: tuple[int, int]
    """How large it is, upright."""

    rotation_deg: int
    """How far the stored frame was turned counter-clockwise to stand upright."""

    index: int
    """Its place in display order."""

    time_s: float
    """When it appears, in seconds after the first frame."""

    is_damaged: bool


def walk_here(clip: ClipFile, wanted: WantedWalk, limits: ReadLimits) -> Generator[WalkedFrame, None, None]:
    """Yield the frames that can be decoded, in display order. The time that the caller takes for them does not count.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    deadline = Deadline(clip, limits.timeout_s)
    full = frozenset(wanted.full_indices)
    with opened_video(clip, limits, deadline) as (container, stream):
        set_all_threads(stream)
        # A stream may change its size midway; its frames are brought to the first one.
        small = PictureMaker(stream.width, stream.height, wanted.max_side_px, is_grey=wanted.is_grey)
        large = PictureMaker(stream.width, stream.height, None, is_grey=wanted.is_grey)
        size_hw = (stream.height, stream.width)
        clock = _Clock(stream)
        for index, decoded in enumerate(container.decode(stream)):
            deadline.check()
            if index >= limits.max_frames:
                raise VideoTooLarge(f"{clip} has more than {limits.max_frames:,} frames.", "Cut the clip.")
            picture = small.make(decoded)
            frame = WalkedFrame(
                pixels_hwc=picture.pixels_hwc,
                full_hwc=large.make(decoded).pixels_hwc if index in full else None,
                size_hw=size_hw[::-1] if picture.rotation_deg % 180 else size_hw,
                rotation_deg=picture.rotation_deg,
                index=index,
                time_s=clock.time_of(decoded),
                is_damaged=picture.is_damaged,
            )
            given_s = time.monotonic()
            yield frame
            deadline.extend(time.monotonic() - given_s)


class _Clock:
    """When frames appear that come one after the other: some containers say no times, or say one twice."""

    def __init__(self, stream: VideoStream) -> None:
        self._time_base = time_base_of(stream)
        self._gap_s = float(1 / (stream.average_rate or 25))
        self._first_tick: int | None = None
        self._previous_s: float | None = None

    def time_of(self, frame: VideoFrame) -> float:
        """Return when the next frame appears, in seconds after the first one; ascending."""
        if self._first_tick is None:
            self._first_tick = frame.pts
        time_s = 0.0
        if frame.pts is not None and self._first_tick is not None:
            time_s = float((frame.pts - self._first_tick) * self._time_base)
        if self._previous_s is not None and time_s <= self._previous_s:
            time_s = self._previous_s + self._gap_s
        self._previous_s = time_s
        return time_s
