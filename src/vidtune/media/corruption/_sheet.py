"""A contact sheet of damage: one row for each setting, one column for each frame, so that people can judge it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from vidtune.core.durable import write_atomic
from vidtune.media._frameset import FrameSet
from vidtune.media.corruption._clip import Pixels
from vidtune.media.corruption._corruption import corrupt_frames
from vidtune.media.corruption._named import NamedCorruption

_LABEL_PX = 18


def write_corruption_sheet(
    frameset: FrameSet, damages: Sequence[NamedCorruption], path: Path, *, num_columns: int = 4, height_px: int = 144
) -> None:
    """Write a PNG: the undamaged frames on top, then a row for each damage with its name.

    Args:
        frameset: The frames that are damaged, all of them, before columns are chosen.
        damages: One row each.
        path: Where the picture goes, atomically.
        num_columns: How many frames of each are shown, spread over the clip.
        height_px: Of one picture.
    """
    rows = [_row("as it is", frameset.frames_thwc, num_columns, height_px)]
    for named in damages:
        damaged = corrupt_frames(frameset, named.config)
        rows.append(_row(named.label, damaged.frames_thwc, num_columns, height_px))
    _, png = cv2.imencode(".png", np.vstack(rows)[:, :, ::-1])
    write_atomic(path, png.tobytes())


def _row(label: str, frames_thwc: Pixels, num_columns: int, height_px: int) -> Pixels:
    chosen = np.linspace(0, len(frames_thwc) - 1, min(num_columns, len(frames_thwc))).round().astype(int)
    _, height, width, _ = frames_thwc.shape
    size = (max(1, round(width * height_px / height)), height_px)
    # Enlarged without smoothing: what is seen is what is there.
    how = cv2.INTER_AREA if height >= height_px else cv2.INTER_NEAREST
    pictures = np.hstack([cv2.resize(frames_thwc[position], size, interpolation=how) for position in chosen])
    band = np.full((_LABEL_PX, pictures.shape[1], 3), 32, np.uint8)
    cv2.putText(band, label, (4, _LABEL_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 235, 235), 1, cv2.LINE_AA)
    return np.asarray(np.vstack([band, pictures]), np.uint8)
