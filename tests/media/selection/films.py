"""Small clips in memory for the tests of selectors, and embedders that need no model."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media import ClipView

FPS = 5.0
RED_S = (20.0, 21.2)
"""When a red square is in the picture of ``scenes_film``."""


def scenes_film(*, seconds: int = 40, scene_s: int = 8, seed: int = 0) -> NDArray[np.uint8]:
    """Return dull scenes of slow motion that change every few seconds, with a red square for a moment."""
    rng = np.random.default_rng(seed)
    rooms = [cv2.resize(rng.integers(60, 150, (3, 4, 3)).astype(np.uint8), (96, 64)) for _ in range(40)]
    frames = []
    for index in range(round(seconds * FPS)):
        time_s = index / FPS
        grey = rooms[int(time_s // scene_s)].mean(axis=2, keepdims=True)
        frame = np.clip(0.2 * rooms[int(time_s // scene_s)] + 0.8 * grey, 0, 255).astype(np.uint8)
        frame = np.roll(frame, index % 7, axis=1)
        if RED_S[0] <= time_s < RED_S[1]:
            frame[20:36, 40:56] = (220, 30, 30)
        frames.append(frame)
    return np.stack(frames)


def view_of(frames_thwc: NDArray[np.uint8], query: str | None = None) -> ClipView:
    """Return the view of frames at ``FPS``."""
    return ClipView.from_frames(frames_thwc, fps=FPS, query=query)


def unit_rows(num: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Return random directions."""
    rows = np.random.default_rng(seed).normal(size=(num, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
