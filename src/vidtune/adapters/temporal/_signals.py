"""What is measured on the frames of a clip, one row for every group of frames that a model sees as one.

Axis letters: ``t`` frames, ``g`` groups of frames, ``s`` signals, ``h``, ``w``, ``c``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNALS = ("motion", "entropy", "scene_change", "position")

_NUM_BINS = 32
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def measure_signals(frames_thwc: NDArray[Any], *, frames_per_group: int = 1) -> NDArray[np.float32]:
    """Return the signals (g, s) of a clip, in the order of ``SIGNALS``.

    Motion is the mean absolute difference of grey levels to the frame before, in shares of the full range. Entropy is
    Shannon's, of the grey levels, in bits. Scene change is the Hellinger distance of the grey histogram to that of the
    frame before: 0 for equal ones, 1 for disjoint ones. Position is the place in the clip, 0 to 1. The first frame is
    as still as its successor says. Each group has the mean of its frames; a last group that is not full repeats its
    last frame, as processors do.

    Example:
        >>> frames = np.zeros((4, 8, 8, 3), np.uint8)
        >>> frames[2:] = 255
        >>> measure_signals(frames, frames_per_group=2).round(2).tolist()
        [[0.0, 0.0, 0.0, 0.17], [0.5, 0.0, 0.5, 0.83]]
    """
    if not len(frames_thwc):
        raise ValueError("a clip needs at least one frame.")
    greys = (frames_thwc.astype(np.float32) @ _GREY).clip(0, 255)
    shares_tb = np.stack([np.histogram(grey, _NUM_BINS, (0, 256))[0] / grey.size for grey in greys])
    levels = [np.bincount(np.rint(grey).astype(np.int64).ravel(), minlength=256) / grey.size for grey in greys]
    entropy = [max(0.0, -float(share[share > 0] @ np.log2(share[share > 0]))) for share in levels]
    motion = [float(np.abs(b - a).mean()) / 255 for a, b in zip(greys, greys[1:], strict=False)]
    change = [
        float(np.sqrt(max(0.0, 1 - np.sqrt(a * b).sum()))) for a, b in zip(shares_tb, shares_tb[1:], strict=False)
    ]
    num_frames = len(greys)
    signals_ts = np.stack(
        [
            np.array([*motion[:1], *motion] or [0.0]),
            np.array(entropy),
            np.array([*change[:1], *change] or [0.0]),
            np.linspace(0, 1, num_frames),
        ],
        axis=1,
    )
    missing = -num_frames % frames_per_group
    full_ts = np.concatenate([signals_ts, np.repeat(signals_ts[-1:], missing, axis=0)])
    grouped: NDArray[np.float32] = full_ts.reshape(-1, frames_per_group, len(SIGNALS)).mean(axis=1).astype(np.float32)
    return grouped
