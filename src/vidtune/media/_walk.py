"""Every frame of a clip, one after the other: for work that changes or measures all of them."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vidtune.media._container import Deadline, opened_video, time_base_of
from vidtune.media._limits import ReadLimits
from vidtune.media._picture import PictureMaker

# Frame threads delay the first frame and cost more than they bring on small pictures.
_THREADS_FROM_PIXELS = 1280 * 720


@dataclass(frozen=True, eq=False)
class WalkedFrame:
    """One decoded frame, upright."""

    rgb_hwc: NDArray[np.uint8]
    index: int
    """Its place in display order."""

    time_s: float
    """When it appears, in seconds after the first frame."""

    is_damaged: bool


def walk_frames(
    path: Path, *, limits: ReadLimits | None = None, max_side_px: int | None = None, every: int = 1
) -> Iterator[WalkedFrame]:
    """Yield the frames that can be decoded, in display order.

    A file that was cut ends early without a word, or with ``VideoUnreadable`` after its last good frame: whoever must
    have all frames compares their number with ``probe_video``.

    Args:
        path: The video file.
        limits: What it may cost; the deadline covers the whole walk.
        max_side_px: Scale down while converting so that the longer side has at most this many pixels.
        every: Yield only one frame of so many; the others are decoded but not converted.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    maker: PictureMaker | None = None
    for frame in _decoded(path, limits or ReadLimits()):
        maker = maker or PictureMaker(*frame.stream_size, max_side_px)
        if frame.index % every == 0:
            picture = maker.make(frame.decoded)
            yield WalkedFrame(picture.pixels_hwc, frame.index, frame.time_s, picture.is_damaged)


@dataclass(frozen=True, eq=False)
class ScannedFrame:
    """One decoded frame, upright, small and grey."""

    grey_hw: NDArray[np.uint8]
    full_grey_hw: NDArray[np.uint8] | None
    """As large as it is, where that was wanted."""

    size_hw: tuple[int, int]
    """How large it is, upright."""

    rotation_deg: int
    """How far the stored frame was turned counter-clockwise to stand upright."""

    index: int
    time_s: float
    is_damaged: bool


def scan_frames(
    path: Path, *, wanted: Container[int] = (), small_side_px: int, limits: ReadLimits | None = None
) -> Iterator[ScannedFrame]:
    """Yield all frames that can be decoded, small and grey; those in ``wanted`` as large as they are too.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    makers: tuple[PictureMaker, PictureMaker] | None = None
    for frame in _decoded(path, limits or ReadLimits()):
        if makers is None:
            makers = (
                PictureMaker(*frame.stream_size, small_side_px, is_grey=True),
                PictureMaker(*frame.stream_size, None, is_grey=True),
            )
        small = makers[0].make(frame.decoded)
        full = makers[1].make(frame.decoded).pixels_hwc[:, :, 0] if frame.index in wanted else None
        width, height = frame.stream_size
        yield ScannedFrame(
            grey_hw=small.pixels_hwc[:, :, 0],
            full_grey_hw=full,
            size_hw=(width, height) if small.rotation_deg % 180 else (height, width),
            rotation_deg=small.rotation_deg,
            index=frame.index,
            time_s=frame.time_s,
            is_damaged=small.is_damaged,
        )


@dataclass(frozen=True, eq=False)
class _Decoded:
    """A frame as the decoder gives it."""

    decoded: VideoFrame
    stream_size: tuple[int, int]
    """Width and height of the stream; a frame may differ, and is then scaled to it."""

    index: int
    time_s: float


def _decoded(path: Path, limits: ReadLimits) -> Iterator[_Decoded]:
    deadline = Deadline(path, limits.timeout_s)
    with opened_video(path, limits, deadline) as (container, stream):
        if stream.width * stream.height >= _THREADS_FROM_PIXELS:
            stream.thread_type = "AUTO"
        time_base = time_base_of(stream)
        first_tick: int | None = None
        previous_s, gap_s = 0.0, float(1 / (stream.average_rate or 25))
        for index, picture in enumerate(container.decode(stream)):
            deadline.check()
            if first_tick is None:
                first_tick = picture.pts
            time_s = 0.0
            if picture.pts is not None and first_tick is not None:
                time_s = float((picture.pts - first_tick) * time_base)
            if index and time_s <= previous_s:
                time_s = previous_s + gap_s  # some containers say no times, or say one twice
            previous_s = time_s
            yield _Decoded(picture, (stream.width, stream.height), index, time_s)
