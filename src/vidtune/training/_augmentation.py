"""Random changes of a clip's pixels while training, and of its words where the pixels demand it.

The changes are those of ``vidtune.media.corruption``, so that what a model is hardened against and what it is measured
against are the same thing.

Shapes: T frames, H height, W width, C = 3 colours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidtune.data import Turn, mirror_turns, swap_sides
from vidtune.media.corruption.geometry import crop_edges, mirror_frames
from vidtune.media.corruption.light import relight
from vidtune.training._config import AugmentationConfig

__all__ = ["augment_clip", "swap_sides"]


def augment_clip(
    frames_thwc: NDArray[np.uint8], turns: Sequence[Turn], config: AugmentationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], tuple[Turn, ...]]:
    """Return changed frames of the same shape and the turns that still tell the truth about them.

    One draw holds for the whole clip, so no change can be mistaken for motion.
    """
    # Always the same number of draws: switching one change on does not alter the others.
    shift, gain, is_flipped, edges = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.random() < config.flip, rng.random(4)
    changed = frames_thwc
    if config.crop:
        top, bottom, left, right = (edges * config.crop).tolist()
        changed = crop_edges(changed, (top, bottom, left, right))
    if config.brightness or config.contrast:
        changed = relight(changed, shift=shift * config.brightness * 255.0, gain=1.0 + gain * config.contrast)
    if is_flipped:
        changed = mirror_frames(changed)
        turns = mirror_turns(turns)
    return changed, tuple(turns)
