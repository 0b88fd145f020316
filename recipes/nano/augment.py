"""Random changes of generated clips that keep what is known about them true.

Zoom, shift, turn, mirror and recolour: twenty thousand clips then look like millions, which is what keeps a
tower that has never seen anything from learning people by heart. One draw holds for all frames of a clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import render

from vidtune.packs.figure import ANGLES, JOINTS
from vidtune.packs.generic._truth import ClipTruth

SIDE_PX = render.SIZE_PX
_OTHER = {"left": "right", "right": "left"}


def _swapped(names: tuple[str, ...]) -> np.ndarray:
    mirrored = [{"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:] for name in names]
    return np.array([names.index(name) for name in mirrored])


_JOINTS_SWAPPED, _ANGLES_SWAPPED = _swapped(JOINTS), _swapped(ANGLES)


@dataclass(frozen=True)
class AugmentConfig:
    """How far clips may be changed."""

    zoom: tuple[float, float] = (0.76, 1.18)
    shift_px: float = 11.0
    turn_deg: float = 5.0
    mirror_rate: float = 0.5
    recolour_rate: float = 0.35
    shuffle_rate: float = 0.6
    """Of recoloured clips, how many also have their colour channels shuffled."""


@dataclass
class Example:
    """One clip (or some frames of it) with what is known. t frames, j joints, a angles."""

    frames_thwc: np.ndarray
    joints_xy_tj2: np.ndarray
    joints_body_tj3: np.ndarray
    angles_ta: np.ndarray
    truth: ClipTruth
    is_recoloured: bool = False


def load_example(shard: render.Shard, clip: int, frames: np.ndarray | slice) -> Example:
    """Return chosen frames of a clip, in memory and safe to change."""
    return Example(
        shard.read_frames(clip, frames),
        shard.joints_xy[clip, frames].astype(np.float32),
        shard.joints_body[clip, frames].astype(np.float32),
        shard.angles[clip, frames].astype(np.float32),
        shard.truths[clip],
    )


def augment(example: Example, rng: np.random.Generator, config: AugmentConfig) -> Example:
    """Return the example changed in place."""
    _warp(example, rng, config)
    if rng.random() < config.recolour_rate:
        mix = np.eye(3)[rng.permutation(3)] if rng.random() < config.shuffle_rate else np.eye(3)
        mix = mix * np.exp(rng.normal(0, 0.15, 3))[:, None] + rng.normal(0, 0.06, (3, 3))
        _mix_colours(example.frames_thwc, mix, rng.normal(0, 12, 3))
        example.is_recoloured = True
    else:
        _mix_colours(example.frames_thwc, np.eye(3) * math.exp(rng.normal(0, 0.08)), np.zeros(3))
    return example


def _warp(example: Example, rng: np.random.Generator, config: AugmentConfig) -> None:
    scale = math.exp(rng.uniform(math.log(config.zoom[0]), math.log(config.zoom[1])))
    turn = math.radians(rng.normal(0, config.turn_deg))
    is_mirrored = rng.random() < config.mirror_rate
    flip = -1.0 if is_mirrored else 1.0
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    matrix = np.array([[cos * flip, -sin, 0.0], [sin * flip, cos, 0.0]])
    centre = np.full(2, (SIDE_PX - 1) / 2)
    matrix[:, 2] = centre - matrix[:, :2] @ centre + rng.uniform(-config.shift_px, config.shift_px, 2)
    for frame in example.frames_thwc:
        frame[:] = cv2.warpAffine(
            frame, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
    example.joints_xy_tj2 = (example.joints_xy_tj2 @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    if is_mirrored:
        example.joints_xy_tj2 = example.joints_xy_tj2[:, _JOINTS_SWAPPED]
        example.joints_body_tj3 = example.joints_body_tj3[:, _JOINTS_SWAPPED] * np.array([1, -1, 1], np.float32)
        example.angles_ta = example.angles_ta[:, _ANGLES_SWAPPED]
        example.truth = mirrored(example.truth)


def _mix_colours(frames_thwc: np.ndarray, mix: np.ndarray, shift: np.ndarray) -> None:
    matrix = np.concatenate([mix, shift[:, None]], axis=1)
    t, h, w, c = frames_thwc.shape
    flat = frames_thwc.reshape(t * h, w, c)
    frames_thwc[:] = cv2.transform(flat, matrix).reshape(frames_thwc.shape)


def mirrored(truth: ClipTruth) -> ClipTruth:
    """Return what is true of the clip seen in a mirror."""

    def other(word: str) -> str:
        return _OTHER.get(word, word)

    motions = tuple(replace(fact, part=" ".join(other(word) for word in fact.part.split())) for fact in truth.motions)
    return replace(
        truth,
        facing=other(truth.facing),
        motions=motions,
        left_knee=truth.right_knee,
        right_knee=truth.left_knee,
        left_elbow=truth.right_elbow,
        right_elbow=truth.left_elbow,
        more_bent_knee=other(truth.more_bent_knee),
        more_bent_elbow=other(truth.more_bent_elbow),
        higher_hand=other(truth.higher_hand),
    )
