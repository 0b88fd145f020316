"""Frames to an H.264 mp4 in memory, through the encoder that users have."""

from __future__ import annotations

import io
from collections.abc import Iterable

import av
import numpy as np
from numpy.typing import NDArray


def encode_mp4(frames_hwc: Iterable[NDArray[np.uint8]], fps: int, *, crf: int, keyframe_every_s: int = 1) -> bytes:
    """Return RGB frames, taken one at a time, as an mp4 file: H.264, yuv420p.

    The same frames give the same bytes. That takes one encoder thread, since rate control depends on how many
    there are, and no macroblock tree: with B-frames it reads memory that nobody wrote (libx264 165 in PyAV 18),
    which made one clip in two differ from call to call.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "veryfast", "x264-params": "threads=1:no-mbtree=1"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = fps * keyframe_every_s
        for index, pixels in enumerate(frames_hwc):
            if index == 0:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()
