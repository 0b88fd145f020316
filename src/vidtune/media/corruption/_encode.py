"""Frames to H.264 and back, the same bytes for the same frames."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np

from vidtune.media.corruption._clip import Pixels

_TICK = Fraction(1, 90_000)
_KEY_FRAME_EVERY = 48


def encode_frames(
    shown: Iterable[tuple[float, Pixels]], size_hw: tuple[int, int], *, fps: float, crf: int
) -> tuple[bytes, int]:
    """Return frames as an mp4 file (H.264, yuv420p), each shown at its own time, and how many there are.

    One thread, and no macroblock tree: rate control depends on the number of threads, and the tree reads memory that
    nobody wrote (libx264 165 in PyAV 18), so that one clip in two would differ from call to call. A side of odd length
    is padded by one line, which ``decode_frames`` takes off again.

    Args:
        shown: Ascending times in seconds and RGB frames of one size.
        size_hw: Height and width of the frames.
        fps: About how many there are in a second; it guides rate control and the length of the last one.
        crf: 0 is exact but for the colour planes, 23 usual, 51 the worst there is.
    """
    file = io.BytesIO()
    height, width = size_hw
    num_frames, last_tick = 0, -1
    with av.open(file, "w", format="mp4") as container:
        settings = f"threads=1:no-mbtree=1:keyint={_KEY_FRAME_EVERY}"
        options = {"crf": str(crf), "preset": "veryfast", "x264-params": settings}
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = stream.time_base = _TICK
        for time_s, frame_hwc in shown:
            even = np.pad(frame_hwc, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            last_tick = max(round(Fraction(time_s) / _TICK), last_tick + 1)
            picture.pts, picture.time_base = last_tick, _TICK
            container.mux(stream.encode(picture))
            num_frames += 1
        container.mux(stream.encode())
    return file.getvalue(), num_frames


def decode_frames(mp4: bytes, num_frames: int, size_hw: tuple[int, int]) -> Pixels:
    """Return all frames of what ``encode_frames`` wrote, at the size that was given to it."""
    height, width = size_hw
    with av.open(io.BytesIO(mp4), "r", format="mp4") as container:
        frames = [frame.to_ndarray(format="rgb24")[:height, :width] for frame in container.decode(video=0)]
    assert len(frames) == num_frames, f"{len(frames)} of {num_frames} frames came back"  # noqa: S101 -- our own file
    return np.stack(frames)
