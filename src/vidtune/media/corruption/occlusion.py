"""Something in front of the scene: a black box that stays, jumps, or follows what moves.

Areas are shares of the picture; 0.1, 0.2 and 0.3 of the QVED suite are severity 2, 3 and 4.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media.corruption._clip import Clip, Pixels
from vidtune.media.corruption._corruption import Corruption, Parameters, levels

Floats = NDArray[np.float32]

_LEVELS = levels(area=(0.05, 0.1, 0.2, 0.3, 0.4))
_ASPECTS = (0.6, 1.6)
_TRACK_SIDE_PX = 96
_TRACK_WINDOW = 0.32
"""Side of the window whose movement counts, as a share of the picture's."""

_TRACK_ROWS, _TRACK_COLUMNS = 13, 17
_TRACK_SMOOTHING_S = 0.12
_WAY_COST = 0.5
_MOVES_FROM = 12.0


def _fixed(clip: Clip, parameters: Parameters) -> Clip:
    height, width = clip.size_hw
    return clip.each(lambda frame_hwc, _: _cover(frame_hwc, (height / 2, width / 2), parameters["area"], 1.0))


def _random(clip: Clip, parameters: Parameters) -> Clip:
    height, width = clip.size_hw

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        aspect = math.exp(rng.uniform(math.log(_ASPECTS[0]), math.log(_ASPECTS[1])))
        centre_yx = (rng.uniform(0, height), rng.uniform(0, width))
        return _cover(frame_hwc, centre_yx, parameters["area"], aspect)

    return clip.each(change)


def _tracked(clip: Clip, parameters: Parameters) -> Clip:
    centres_yx = track_motion(clip)
    covered = clip.frames_thwc.copy()
    for position, centre_yx in enumerate(centres_yx):
        covered[position] = _cover(clip.frames_thwc[position], centre_yx, parameters["area"], 1.0)
    return replace(clip, frames_thwc=covered)


def track_motion(clip: Clip) -> list[tuple[float, float]]:
    """Return, for every frame, where (y, x) the most movement is, in pixels, without jumping about.

    What moves is what differs from the clip's median picture. Of all ways through a grid of places the one is taken
    that covers most of it for the distance it goes, so that of two people one is followed and not the gap between
    them. A clip in which nothing moves has the middle of the picture.
    """
    height, width = clip.size_hw
    moving_thw = _movement(clip)
    small_height, small_width = moving_thw.shape[1:]
    if not moving_thw.any():
        return [(height / 2, width / 2)] * clip.num_frames
    window = (max(3, round(small_width * _TRACK_WINDOW)), max(3, round(small_height * _TRACK_WINDOW)))
    covered_thw = np.stack([cv2.blur(moving, window, borderType=cv2.BORDER_CONSTANT) for moving in moving_thw])
    rows = np.linspace(0, small_height - 1, _TRACK_ROWS).round().astype(int)
    columns = np.linspace(0, small_width - 1, _TRACK_COLUMNS).round().astype(int)
    scores_tp = covered_thw[:, rows][:, :, columns].reshape(clip.num_frames, -1)
    scores_tp = scores_tp / scores_tp.max()
    places_yx = np.stack(np.meshgrid(rows / small_height, columns / small_width, indexing="ij"), -1).reshape(-1, 2)
    path = _best_path(scores_tp, places_yx, np.asarray(clip.times_s))
    smooth_yx = _smoothed(places_yx[path], np.asarray(clip.times_s))
    return [(float(y) * height, float(x) * width) for y, x in smooth_yx]


def _movement(clip: Clip) -> Floats:
    """Return how far every frame, made small and grey, differs from the median of all."""
    height, width = clip.size_hw
    scale = min(1.0, _TRACK_SIDE_PX / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = [
        cv2.cvtColor(cv2.resize(f, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY) for f in clip.frames_thwc
    ]
    small_thw = np.stack(small).astype(np.float32)
    return np.maximum(0, np.abs(small_thw - np.median(small_thw, axis=0)) - _MOVES_FROM).astype(np.float32)


def _best_path(scores_tp: Floats, places_yx: NDArray[np.float64], times_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the place at each time that together score most, less what the way between them costs."""
    distance_pp = ((places_yx[:, None] - places_yx[None]) ** 2).sum(axis=2)
    best_p = scores_tp[0].astype(np.float64)
    came_from = np.zeros(scores_tp.shape, np.int64)
    for position in range(1, len(scores_tp)):
        # What can be reached in a step grows with its length: sparse frames may lie far apart.
        step_s = max(float(times_s[position] - times_s[position - 1]), 1e-3)
        reached_pp = best_p[None, :] - _WAY_COST * distance_pp / step_s
        came_from[position] = reached_pp.argmax(axis=1)
        best_p = reached_pp.max(axis=1) + scores_tp[position]
    path = np.empty(len(scores_tp), np.int64)
    path[-1] = best_p.argmax()
    for position in range(len(path) - 1, 0, -1):
        path[position - 1] = came_from[position, path[position]]
    return path


def _smoothed(path_yx: NDArray[np.float64], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    near_tt = np.exp(-(((times_s[:, None] - times_s[None, :]) / _TRACK_SMOOTHING_S) ** 2) / 2)
    return np.asarray((near_tt @ path_yx) / near_tt.sum(axis=1, keepdims=True))


def _cover(frame_hwc: Pixels, centre_yx: tuple[float, float], area: float, aspect: float) -> Pixels:
    """Black out a box of that share of the picture, moved inside it where its centre lies too near the edge."""
    height, width = frame_hwc.shape[:2]
    box_width = min(width, math.sqrt(area * aspect * height * width))
    # In a long picture a box that would reach over the edge becomes wider or higher instead.
    box_height = min(height, area * height * width / box_width)
    box_width = min(width, area * height * width / box_height)
    top = min(max(centre_yx[0] - box_height / 2, 0), height - box_height)
    left = min(max(centre_yx[1] - box_width / 2, 0), width - box_width)
    covered = frame_hwc.copy()
    covered[round(top) : round(top + box_height), round(left) : round(left + box_width)] = 0
    return covered


occlusion_fixed = Corruption(
    "occlusion", "A black box in the middle of every frame; area as a share of the picture.", _LEVELS, _fixed
)
occlusion_random = Corruption(
    "occlusion",
    "A black box at a drawn place: per clip it stays, per frame it jumps.",
    _LEVELS,
    _random,
    scope="clip",
)
occlusion_tracked = Corruption(
    "occlusion",
    "A black box that follows what moves.",
    _LEVELS,
    _tracked,
    needs_whole_clip=True,
)
