"""The middle frame of the clip, as many times as there were frames: as many tokens, and nothing moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vidtune.inference._condition import Condition
from vidtune.media import FrameSet


def hold_middle(frames: FrameSet) -> FrameSet:
    """Return the middle frame in place of all."""
    middle = frames.num_delivered // 2
    count = frames.num_delivered
    return replace(
        frames,
        frames_thwc=np.ascontiguousarray(np.broadcast_to(frames.frames_thwc[middle], frames.frames_thwc.shape)),
        indices=(frames.indices[middle],) * count,
        padded=count - 1,
    )


CONDITION = Condition(
    label="single frame",
    removes="motion",
    matters="more than one frame matters",
    matters_not="the middle frame alone does as well",
    show=hold_middle,
    min_moments=2,
)
