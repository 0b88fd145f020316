"""The clip played backwards."""

from __future__ import annotations

from vidtune.inference._condition import Condition
from vidtune.media import FrameSet
from vidtune.media.corruption import CorruptionConfig, corrupt_frames

_BACKWARDS = CorruptionConfig(kind="frame_reverse", parameters={"share": 1.0})


def reverse(frames: FrameSet) -> FrameSet:
    """Return the frames from the last to the first, at the same times."""
    return corrupt_frames(frames, _BACKWARDS)


CONDITION = Condition(
    label="reversed video",
    removes="order",
    matters="order matters",
    matters_not="the direction of time makes no clear difference",
    show=reverse,
    min_moments=2,
)
