"""Pictures that stand still, and pictures that are black."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidtune.media.quality._looked import LookedAt
from vidtune.media.quality._measure import QualityConfig

# A stuck picture differs from the one before by what its encoder does, hardly anywhere by more than this. A person who
# holds still breathes, and a sensor has noise.
_CHANGED_ABOVE = 3
_CHANGED_SHARE = 5e-4

_BLACK_BELOW = 16.0
_BLACK_SPREAD = 6.0


def stillness(looked: LookedAt, config: QualityConfig) -> dict[str, float]:
    """Return the shares of the clip that repeat the frame before or are black, and the longest such stretch.

    Between frames that are not neighbours (long clips) a repeat means that the picture stood still all that time.
    """
    frames = looked.small_thw.astype(np.int16)
    changed = (np.abs(np.diff(frames, axis=0)) > _CHANGED_ABOVE).mean(axis=(1, 2))
    is_same = np.concatenate([[False], changed < _CHANGED_SHARE])
    is_black = (frames.mean(axis=(1, 2)) < _BLACK_BELOW) & (frames.std(axis=(1, 2)) < _BLACK_SPREAD)
    ends_s = np.append(looked.small_times_s[1:], max(looked.duration_s, looked.small_times_s[-1]))
    lengths_s = ends_s - looked.small_times_s
    total_s = max(float(lengths_s.sum()), 1e-9)
    return {
        "frozen_share": float(lengths_s[is_same].sum() / total_s),
        "longest_freeze_s": _longest(is_same, lengths_s),
        "black_share": float(lengths_s[is_black].sum() / total_s),
    }


def _longest(holds: NDArray[np.bool_], lengths_s: NDArray[np.float64]) -> float:
    longest_s = current_s = 0.0
    for is_held, length_s in zip(holds, lengths_s, strict=True):
        current_s = current_s + float(length_s) if is_held else 0.0
        longest_s = max(longest_s, current_s)
    return longest_s
