"""From a decoded frame to upright RGB pixels of the wanted size, in one pass of the scaler."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded frame, upright."""

    pixels_hwc: NDArray[np.uint8]
    """RGB, or one grey channel."""

    rotation_deg: int
    is_damaged: bool


class PictureMaker:
    """Converts the frames of one stream; keeps the scaler's tables between frames. Not for several threads.

    Args:
        width_px: Of the stream. A stream may change its size midway; its frames are brought to this one.
        height_px: Of the stream.
        max_side_px: Scale down so that the longer side has at most this many pixels; never up.
        is_grey: One channel instead of three.
    """

    def __init__(self, width_px: int, height_px: int, max_side_px: int | None, *, is_grey: bool = False) -> None:
        self._size = scaled_size(width_px, height_px, max_side_px)
        self._format = "gray" if is_grey else "rgb24"
        self._reformatter = VideoReformatter()

    def make(self, frame: VideoFrame) -> Picture:
        """Return the frame as a picture."""
        width_px, height_px = self._size
        is_scaled = self._size != (frame.width, frame.height)
        converted = self._reformatter.reformat(
            frame,
            width_px,
            height_px,
            self._format,
            interpolation="AREA" if is_scaled else "BICUBIC",
            # Left to itself the scaler starts threads for every clip: dearer than scaling a small picture.
            threads=1,
        )
        num_quarter_turns = round(frame.rotation / 90) % 4
        stored = converted.to_ndarray()
        upright = np.ascontiguousarray(np.rot90(stored, num_quarter_turns), dtype=np.uint8)
        pixels_hwc = upright if upright.ndim == 3 else upright[:, :, None]
        return Picture(pixels_hwc, num_quarter_turns * 90, frame.is_corrupt)


def scaled_size(width_px: int, height_px: int, max_side_px: int | None) -> tuple[int, int]:
    """Return width and height after scaling the longer side down to at most ``max_side_px``.

    Example:
        >>> scaled_size(1280, 720, 448)
        (448, 252)
    """
    longer_px = max(width_px, height_px)
    if max_side_px is None or longer_px <= max_side_px:
        return width_px, height_px
    return max(1, round(width_px * max_side_px / longer_px)), max(1, round(height_px * max_side_px / longer_px))
