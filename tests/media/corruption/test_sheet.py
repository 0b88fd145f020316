"""The contact sheet of damage says which frame is shown where."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from tests.media.corruption.pictures import make_frames

from vidtune.media.corruption import read_corruptions, write_corruption_sheet

FRAMES = make_frames(12, height=60, width=80)


def sheet_of(path: Path, *specs: str) -> np.ndarray:
    damages = [named for spec in specs for named in read_corruptions(spec)]
    write_corruption_sheet(FRAMES, damages, path, num_columns=4, height_px=60)
    return cv2.imread(str(path))[:, :, ::-1]


def orange_of(picture: np.ndarray) -> int:
    """Return how many pixels have the colour of a frame that is not where it belongs."""
    return int((np.abs(picture.astype(int) - (255, 150, 40)).max(axis=2) < 30).sum())


def test_a_damage_of_time_has_a_lane_that_one_of_pixels_has_not(tmp_path: Path) -> None:
    pixels, time = sheet_of(tmp_path / "a.png", "jpeg:2"), sheet_of(tmp_path / "b.png", "frame_reverse:5")

    assert time.shape[0] > pixels.shape[0]
    assert time.shape[1] == pixels.shape[1] == 4 * 80
    assert orange_of(time[-40:]) > 12 * 10


def test_undamaged_frames_stand_on_top_of_every_sheet(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path / "a.png", "frame_reverse:5")

    np.testing.assert_array_equal(sheet[18 : 18 + 60, :80], FRAMES.frames_thwc[0])
    assert orange_of(sheet[18 + 60 : 18 + 60 + 14]) == 0
