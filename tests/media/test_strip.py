"""The contact strip shows exactly the frames that were delivered."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vidtune.media import frameset_from_array, write_strip


def test_a_strip_shows_the_frames_in_order_at_the_wanted_height(tmp_path: Path) -> None:
    colours = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250]], np.uint8)
    frames_thwc = np.broadcast_to(colours[:, None, None], (3, 60, 80, 3)).copy()

    write_strip(frameset_from_array(frames_thwc, fps=1.0), tmp_path / "strips" / "a.jpg", height_px=48)

    strip = cv2.imread(str(tmp_path / "strips" / "a.jpg"))[:, :, ::-1]
    assert strip.shape == (48, 3 * 64, 3)
    np.testing.assert_allclose(strip[24, [32, 96, 160]], colours, atol=12)


def test_many_frames_wrap_into_rows(tmp_path: Path) -> None:
    frames_thwc = np.zeros((20, 48, 48, 3), np.uint8)

    write_strip(frameset_from_array(frames_thwc, fps=1.0), tmp_path / "a.jpg", height_px=24)

    assert cv2.imread(str(tmp_path / "a.jpg")).shape == (48, 16 * 24, 3)
