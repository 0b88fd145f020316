"""A contact sheet of damage: one row for each setting, one column for each frame, so that people can judge it.

Under each picture stands when it is shown and which frame of the source it is, in orange where that is not the one that
belongs there. A damage of time has a lane below: which frame is shown (up) at each time (to the right).
"""

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

_LABEL_PX, _CAPTION_PX, _LANE_PX = 18, 14, 40
_GROUND, _INK, _FAINT, _MOVED = (32, 32, 32), (235, 235, 235), (130, 130, 130), (255, 150, 40)


def write_corruption_sheet(
    frameset: FrameSet, damages: Sequence[NamedCorruption], path: Path, *, num_columns: int = 8, height_px: int = 144
) -> None:
    """Write a PNG: the undamaged frames on top, then a row for each damage with its name.

    Args:
        frameset: The frames that are damaged, all of them, before columns are chosen.
        damages: One row each.
        path: Where the picture goes, atomically.
        num_columns: How many frames of each are shown, spread over the clip.
        height_px: Of one picture.
    """
    rows = [_row("as it is", frameset, frameset, num_columns, height_px)]
    for named in damages:
        rows.append(_row(named.label, corrupt_frames(frameset, named.config), frameset, num_columns, height_px))
    _, png = cv2.imencode(".png", np.vstack(rows)[:, :, ::-1])
    write_atomic(path, png.tobytes())


def _row(label: str, shown: FrameSet, truth: FrameSet, num_columns: int, height_px: int) -> Pixels:
    num_frames = shown.num_delivered
    chosen = np.linspace(0, num_frames - 1, min(num_columns, num_frames)).round().astype(int).tolist()
    tiles = [_tile(shown, truth, position, height_px) for position in chosen]
    width_px = sum(tile.shape[1] for tile in tiles)
    parts = [_band(_LABEL_PX, width_px, label), np.hstack(tiles)]
    if shown.indices != truth.indices:
        parts.append(_lane(shown.indices, truth.indices, width_px))
    return np.asarray(np.vstack(parts), np.uint8)


def _tile(shown: FrameSet, truth: FrameSet, position: int, height_px: int) -> Pixels:
    _, height, width, _ = shown.frames_thwc.shape
    size = (max(1, round(width * height_px / height)), height_px)
    # Enlarged without smoothing: what is seen is what is there.
    how = cv2.INTER_AREA if height >= height_px else cv2.INTER_NEAREST
    picture = cv2.resize(shown.frames_thwc[position], size, interpolation=how)
    index = shown.indices[position]
    colour = _FAINT if index == truth.indices[position] else _MOVED
    caption = f"{shown.times_s[position]:.2f} s: #{index}"
    return np.asarray(np.vstack([picture, _band(_CAPTION_PX, size[0], caption, colour, 0.32)]), np.uint8)


def _lane(shown: Sequence[int], truth: Sequence[int], width_px: int) -> Pixels:
    lane = _band(_LANE_PX, width_px, "")
    first, last = truth[0], max(truth[-1], truth[0] + 1)
    for indices, colour in ((truth, _FAINT), (shown, _MOVED)):
        for position, index in enumerate(indices):
            left, right = (round((position + step) * width_px / len(indices)) for step in (0, 1))
            y = _LANE_PX - 4 - round((index - first) / (last - first) * (_LANE_PX - 8))
            cv2.line(lane, (left, y), (max(left, right - 2), y), colour, 2)
    return lane


def _band(height_px: int, width_px: int, text: str, colour: tuple[int, int, int] = _INK, scale: float = 0.42) -> Pixels:
    band = np.full((height_px, width_px, 3), _GROUND, np.uint8)
    cv2.putText(band, text, (4, height_px - 5), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
    return band
