"""Frames for these tests: a textured scene in which a bright square walks from left to right."""

from __future__ import annotations

import cv2
import numpy as np

from vidtune.media import FrameSet, frameset_from_array


def make_frames(num_frames: int = 8, *, height: int = 96, width: int = 128, fps: float = 16.0) -> FrameSet:
    rng = np.random.default_rng(7)
    coarse = rng.integers(30, 200, (12, 16, 3)).astype(np.uint8)
    scene = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    scene = np.clip(scene + rng.normal(0, 12, scene.shape), 10, 235).astype(np.uint8)
    frames = np.repeat(scene[None], num_frames, axis=0)
    for position in range(num_frames):
        left = round(position * (width - 24) / max(1, num_frames - 1))
        frames[position, height // 2 : height // 2 + 24, left : left + 24] = (250, 240, 60)
    return frameset_from_array(frames, fps=fps)
