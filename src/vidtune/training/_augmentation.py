"""Random changes of a clip's pixels while training, and of its words where the pixels demand it.

The changes are those of ``vidtune.media.corruption``, so that what a model is hardened against and what it is measured
against are the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vidtune.data import Turn, mirror_turns, swap_sides
from vidtune.media import FrameSet
from vidtune.media.corruption import CorruptionConfig, corrupt_frames, corruptions, read_corruptions
from vidtune.media.corruption.geometry import crop_edges, mirror_frames
from vidtune.media.corruption.light import relight
from vidtune.training._config import AugmentationConfig

__all__ = ["augment_clip", "swap_sides"]


def augment_clip(
    frames: FrameSet, turns: Sequence[Turn], config: AugmentationConfig, rng: np.random.Generator
) -> tuple[FrameSet, tuple[Turn, ...]]:
    """Return changed frames, as many and of the same size, and the turns that still tell the truth about them.

    One draw holds for the whole clip, so no change can be mistaken for motion; a corruption keeps its own habit, as
    ``vidtune data degrade`` does.
    """
    # Always the same number of draws: switching one change on does not alter the others.
    shift, gain, is_flipped, edges = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.random() < config.flip, rng.random(4)
    damage = _draw_damage(config, rng)
    pixels_thwc = frames.frames_thwc
    if config.crop:
        top, bottom, left, right = (edges * config.crop).tolist()
        pixels_thwc = crop_edges(pixels_thwc, (top, bottom, left, right))
    if config.brightness or config.contrast:
        pixels_thwc = relight(pixels_thwc, shift=shift * config.brightness * 255.0, gain=1.0 + gain * config.contrast)
    if is_flipped:
        pixels_thwc = mirror_frames(pixels_thwc)
        turns = mirror_turns(turns)
    changed = replace(frames, frames_thwc=pixels_thwc)
    if damage is not None:
        changed = corrupt_frames(changed, damage)
        if corruptions.get(damage.kind).mirrors and not damage.changes_nothing:
            turns = mirror_turns(turns)
    return changed, tuple(turns)


def _draw_damage(config: AugmentationConfig, rng: np.random.Generator) -> CorruptionConfig | None:
    """Return one of the recipe's corruptions, each line of it as likely as another; None when the clip is spared."""
    share, line, level, seed = rng.random(), rng.random(), rng.random(), int(rng.integers(2**31))
    if not config.corruptions or share >= config.effective_corruption_share:
        return None
    named = read_corruptions(config.corruptions[int(line * len(config.corruptions))], seed=seed)
    return named[int(level * len(named))].config
