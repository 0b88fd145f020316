"""Short ways to write conversations and clips."""

from __future__ import annotations

import numpy as np

from vidtune.data import Turn
from vidtune.media import FrameSet, frameset_from_array


def make_frames(num_frames: int, height_px: int = 56, width_px: int = 56, seed: int = 0) -> FrameSet:
    rng = np.random.default_rng(seed)
    return frameset_from_array(rng.integers(0, 256, (num_frames, height_px, width_px, 3), dtype=np.uint8), fps=4.0)


def ask(text: str) -> tuple[Turn, ...]:
    return (Turn("user", text),)


def converse(*texts: str) -> tuple[Turn, ...]:
    """User and assistant in alternation."""
    return tuple(Turn("user" if index % 2 == 0 else "assistant", text) for index, text in enumerate(texts))
