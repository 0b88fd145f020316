"""All frames of the clip in a drawn order."""

from __future__ import annotations

from vidtune.inference._condition import Condition, clip_number
from vidtune.media import FrameSet
from vidtune.media.corruption import CorruptionConfig, corrupt_frames


def shuffle(frames: FrameSet) -> FrameSet:
    """Return the frames in an order that is drawn from the clip's content and is not their own."""
    seed = clip_number(frames, "shuffled") % 2**31
    while True:
        config = CorruptionConfig(kind="frame_shuffle", parameters={"share": 1.0}, seed=seed)
        shuffled = corrupt_frames(frames, config)
        if shuffled.indices != frames.indices:
            return shuffled
        seed += 1


CONDITION = Condition(
    label="shuffled video",
    removes="order",
    matters="order matters",
    matters_not="the order of frames makes no clear difference",
    show=shuffle,
    min_moments=2,
)
