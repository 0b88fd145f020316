"""Frames that are lost, stuck, or shown in another order. Pixels stay as they are."""

from __future__ import annotations

import math

import numpy as np

from vidtune.media.corruption._clip import Clip
from vidtune.media.corruption._corruption import Corruption, Parameters, levels

_STRETCHES = (0.1, 0.25, 0.5, 0.75, 1.0)


def _drop(clip: Clip, parameters: Parameters) -> Clip:
    """Show the frame before a lost one in its place, as a player does; the first frame is never lost."""
    is_lost = clip.draws.of_clip().random(clip.num_frames) < parameters["share"]
    order: list[int] = []
    for position in range(clip.num_frames):
        order.append(order[-1] if order and is_lost[position] else position)
    return clip.showing(order)


def _freeze(clip: Clip, parameters: Parameters) -> Clip:
    """Hold one frame for a stretch of the clip, then go on where the clip would be."""
    start, end = _stretch(clip, parameters["share"])
    return clip.showing([start if start <= position < end else position for position in range(clip.num_frames)])


def _duplicate(clip: Clip, parameters: Parameters) -> Clip:
    """Show frames twice: everything after falls behind, and the end is never reached."""
    is_doubled = clip.draws.of_clip().random(clip.num_frames) < parameters["share"]
    order = [position for position in range(clip.num_frames) for _ in range(2 if is_doubled[position] else 1)]
    return clip.showing(order[: clip.num_frames])


def _shuffle(clip: Clip, parameters: Parameters) -> Clip:
    """Mix the frames of a stretch among themselves."""
    start, end = _stretch(clip, parameters["share"])
    order = np.arange(clip.num_frames)
    # The ranks of fixed draws: a longer stretch mixes more frames, by the same draws.
    ranks = clip.draws.of_clip().spawn(1)[0].random(clip.num_frames)
    order[start:end] = start + np.argsort(ranks[start:end], kind="stable")
    return clip.showing(order.tolist())


def _reverse(clip: Clip, parameters: Parameters) -> Clip:
    """Play a stretch backwards."""
    start, end = _stretch(clip, parameters["share"])
    order = list(range(clip.num_frames))
    order[start:end] = order[start:end][::-1]
    return clip.showing(order)


def _jitter(clip: Clip, parameters: Parameters) -> Clip:
    """Show, at each time, a frame from a little earlier or later."""
    offsets = np.rint(clip.draws.of_clip().standard_normal(clip.num_frames) * parameters["frames"]).astype(int)
    return clip.showing(np.clip(np.arange(clip.num_frames) + offsets, 0, clip.num_frames - 1).tolist())


def _fps(clip: Clip, parameters: Parameters) -> Clip:
    """Keep one frame of every so many and hold it until the next."""
    keep = parameters["keep"]
    # The epsilons keep 1 / 3 of 9 frames from becoming 2 by rounding.
    steps = [int(position * keep + 1e-9) for position in range(clip.num_frames)]
    return clip.showing([math.ceil(step / keep - 1e-9) for step in steps])


def _stretch(clip: Clip, share: float) -> tuple[int, int]:
    """Return where a stretch of that share begins and ends: at least two frames, around a drawn place."""
    length = min(clip.num_frames, max(2, round(share * clip.num_frames)))
    start = round(clip.draws.of_clip().random() * (clip.num_frames - length))
    return start, start + length


frame_drop = Corruption(
    "time",
    "Frames are lost one by one; the one before stays on the screen.",
    levels(share=(0.05, 0.1, 0.2, 0.35, 0.5)),
    _drop,
    scope="clip",
    needs_whole_clip=True,
    drops_frames=True,
)
frame_freeze = Corruption(
    "time",
    "The picture stands still for a share of the clip.",
    levels(share=(0.1, 0.2, 0.35, 0.5, 0.7)),
    _freeze,
    scope="clip",
    needs_whole_clip=True,
)
frame_duplicate = Corruption(
    "time",
    "Frames are shown twice; the clip falls behind.",
    levels(share=(0.05, 0.1, 0.2, 0.35, 0.5)),
    _duplicate,
    scope="clip",
    needs_whole_clip=True,
)
frame_shuffle = Corruption(
    "time",
    "The frames of a stretch come in a drawn order; share of the clip, 1 is all of it.",
    levels(share=_STRETCHES),
    _shuffle,
    scope="clip",
    needs_whole_clip=True,
)
frame_reverse = Corruption(
    "time",
    "A stretch is played backwards; share of the clip, 1 is all of it.",
    levels(share=_STRETCHES),
    _reverse,
    scope="clip",
    needs_whole_clip=True,
)
frame_jitter = Corruption(
    "time",
    "Each time shows a frame from a little earlier or later; standard deviation in frames.",
    levels(frames=(0.5, 1, 2, 4, 8)),
    _jitter,
    scope="clip",
    needs_whole_clip=True,
)
fps_change = Corruption(
    "time",
    "Fewer frames a second; share of the frames that is kept.",
    levels(keep=(0.5, 1 / 3, 0.2, 0.125, 0.0625)),
    _fps,
    needs_whole_clip=True,
    drops_frames=True,
)
