"""Short ways to write conversations and clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vidtune.data import Aside, Turn
from vidtune.media import FrameSet, frameset_from_array


def make_frames(num_frames: int, height_px: int = 56, width_px: int = 56, seed: int = 0) -> FrameSet:
    rng = np.random.default_rng(seed)
    return frameset_from_array(rng.integers(0, 256, (num_frames, height_px, width_px, 3), dtype=np.uint8), fps=4.0)


def ask(text: str) -> tuple[Turn, ...]:
    return (Turn("user", text),)


def remark(question: str, *asides: tuple[int, str]) -> tuple[Turn, ...]:
    """A question about a clip with words between its frames: after how many of them, and what."""
    return (Turn("user", question, tuple(Aside(place, text) for place, text in asides)),)


def frames_of(frames: FrameSet, start: int, stop: int) -> FrameSet:
    return replace(
        frames,
        frames_thwc=frames.frames_thwc[start:stop],
        indices=frames.indices[start:stop],
        times_s=frames.times_s[start:stop],
    )


def converse(*texts: str) -> tuple[Turn, ...]:
    """User and assistant in alternation."""
    return tuple(Turn("user" if index % 2 == 0 else "assistant", text) for index, text in enumerate(texts))
