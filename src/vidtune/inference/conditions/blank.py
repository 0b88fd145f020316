"""Grey frames in place of the clip: as many, at the same times, and nothing in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vidtune.inference._condition import Condition
from vidtune.media import FrameSet

_GREY = 128
"""The middle of the scale: normalised pixels are near 0, which black and white frames are not."""


def show_nothing(frames: FrameSet) -> FrameSet:
    """Return grey frames of the same size."""
    return replace(frames, frames_thwc=np.full_like(frames.frames_thwc, _GREY))


CONDITION = Condition(
    label="blank video",
    removes="content",
    matters="the picture matters",
    matters_not="grey frames do as well",
    show=show_nothing,
)
