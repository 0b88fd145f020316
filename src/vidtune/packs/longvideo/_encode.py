"""A stream of frames to an H.264 mp4, without holding the frames."""

from __future__ import annotations

import io
from collections.abc import Iterable

import av
import numpy as np
from numpy.typing import NDArray

_KEYFRAME_EVERY_S = 10
_CRF = 26


def encode_mp4(frames: Iterable[NDArray[np.uint8]], fps: int) -> bytes:
    """Return RGB frames as an mp4 file: H.264, yuv420p, a key frame every ten seconds and where the encoder wants one.

    The same frames give the same bytes: one encoder thread and no macroblock tree, for the reasons told beside the
    encoder of the physio pack.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": str(_CRF), "preset": "veryfast", "x264-params": "threads=1:no-mbtree=1"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = fps * _KEYFRAME_EVERY_S
        for index, pixels in enumerate(frames):
            if index == 0:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()
