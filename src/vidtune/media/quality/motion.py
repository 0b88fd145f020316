"""How much moves: the rule of the QVED pipeline, with its numbers as settings."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media.quality._looked import LookedAt
from vidtune.media.quality._measure import QualityConfig


def motion(looked: LookedAt, config: QualityConfig) -> dict[str, float]:
    """Return in how many pairs of neighbouring looked-at frames something moves, and how much of the picture does.

    A pair moves when at least ``motion_pixel_share`` of the pixels differ by more than ``motion_delta`` after a
    5 x 5 blur. ``class_motion_share`` is the same by the rule that tells moving classes from still ones: 15 frames,
    a difference of 20.
    """
    changes = changed_shares(looked.full_thw, config.motion_delta)
    for_class = changed_shares(looked.full_thw[: config.class_motion_frames], config.class_motion_delta)
    active = int((changes >= config.motion_pixel_share).sum())
    return {
        "motion_pairs": float(len(changes)),
        "motion_active_pairs": float(active),
        "motion_share": active / len(changes) if len(changes) else 0.0,
        "motion_mean_change": float(changes.mean()) if len(changes) else 0.0,
        "motion_max_change": float(changes.max()) if len(changes) else 0.0,
        "class_motion_share": float((for_class >= config.motion_pixel_share).mean()) if len(for_class) else 0.0,
    }


def changed_shares(frames_thw: Sequence[NDArray[np.uint8]], delta: int) -> NDArray[np.float64]:
    """Return, for each frame after the first, the share of pixels that differ from the one before."""
    blurred = [cv2.GaussianBlur(frame, (5, 5), 0) for frame in frames_thw]
    return np.asarray(
        [(cv2.absdiff(before, after) > delta).mean() for before, after in zip(blurred, blurred[1:], strict=False)]
    )
