"""A contact strip: one small picture of exactly the frames that a model was given."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vidtune.core.durable import write_atomic
from vidtune.media._frameset import FrameSet

_MAX_FRAMES_A_ROW = 16


def write_strip(frameset: FrameSet, path: Path, height_px: int = 96) -> None:
    """Write the delivered frames side by side as a JPEG, atomically; long sets wrap into rows of 16.

    Raises:
        DiskFull: If there is no room.
    """
    write_atomic(path, encode_strip(frameset, height_px))


def encode_strip(frameset: FrameSet, height_px: int = 96) -> bytes:
    """Return the strip as the bytes of a JPEG."""
    _, height, width, _ = frameset.frames_thwc.shape
    width_px = max(1, round(width * height_px / height))
    tiles = [cv2.resize(frame, (width_px, height_px), interpolation=cv2.INTER_AREA) for frame in frameset.frames_thwc]
    num_columns = min(len(tiles), _MAX_FRAMES_A_ROW)
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % num_columns)
    rows = [np.hstack(tiles[start : start + num_columns]) for start in range(0, len(tiles), num_columns)]
    _, jpeg = cv2.imencode(".jpg", np.vstack(rows)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return jpeg.tobytes()
