"""One generic clip: drawn from a seed, rendered, and measured. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidtune.packs.figure import JOINTS, NO_MAT, Rendered, Scene, Subject, render_frames, sample_scene, sample_subject
from vidtune.packs.generic._motions import GenericMotion, sample_motion
from vidtune.packs.generic._truth import BENDS, SPREADS, TRUNKS, ClipTruth

Array = NDArray[np.float64]

_BEND_LIMITS_DEG = (28.0, 62.0, 100.0)
_TRUNK_LIMITS_DEG = (25.0, 60.0, 115.0)
_SIDE_MARGIN_DEG = 15.0
_HAND_MARGIN_M = 0.12


@dataclass(frozen=True)
class ClipPlan:
    """Who does what where, before anything is drawn."""

    subject: Subject
    scene: Scene
    motion: GenericMotion
    duration_s: float


def plan_clip(seed: Sequence[int], *, subject: Subject | None = None, duration_s: float | None = None) -> ClipPlan:
    """Return the clip that belongs to ``seed``; a given subject or duration is kept."""
    rng = np.random.default_rng(list(seed))
    own_subject = sample_subject(rng, "-".join(str(part) for part in seed))
    own_duration = float(rng.uniform(1.6, 4.2))
    chosen = subject or own_subject
    length = duration_s or own_duration
    motion = sample_motion(rng, chosen.build, length)
    return ClipPlan(chosen, sample_scene(rng), motion, length)


def frame_times(duration_s: float, num_frames: int) -> list[float]:
    """Return the middles of equal segments of the clip, in seconds."""
    return [(index + 0.5) * duration_s / num_frames for index in range(num_frames)]


def render_clip(plan: ClipPlan, times_s: Sequence[float], size_px: int) -> tuple[Rendered, ClipTruth]:
    """Draw a planned clip and measure what is true of it."""
    rendered = render_frames(plan.motion.pose_at, plan.subject, plan.scene, times_s, size_px)
    return rendered, measure_truth(plan, rendered)


def measure_truth(plan: ClipPlan, rendered: Rendered) -> ClipTruth:
    """Return the facts of a clip, from what was planned and from where the joints really went."""
    joints = rendered.joints_xyz_tj3.astype(np.float64)
    knees = [_bend(joints, side, ("hip", "knee", "ankle")) for side in "lr"]
    elbows = [_bend(joints, side, ("shoulder", "elbow", "wrist")) for side in "lr"]
    tilt_deg = _trunk_tilt(joints)
    view, facing = _view(plan.scene, joints, tilt_deg)
    heights = _joint(joints, "l_wrist")[:, 2] - _joint(joints, "r_wrist")[:, 2]
    unit_m = plan.subject.build.stature_m / 1.7
    return ClipTruth(
        top=plan.subject.top,
        trousers=plan.subject.bottom,
        hair="none" if plan.subject.hair_kind == "bald" else plan.subject.hair,
        wall=plan.scene.wall,
        floor=plan.scene.floor if plan.scene.mat == NO_MAT else plan.scene.mat,
        posture=plan.motion.posture,
        view=view,
        facing=facing,
        motions=plan.motion.facts,
        is_sequence=plan.motion.is_sequence,
        left_knee=_binned(knees[0].max(), _BEND_LIMITS_DEG, BENDS),
        right_knee=_binned(knees[1].max(), _BEND_LIMITS_DEG, BENDS),
        left_elbow=_binned(elbows[0].max(), _BEND_LIMITS_DEG, BENDS),
        right_elbow=_binned(elbows[1].max(), _BEND_LIMITS_DEG, BENDS),
        more_bent_knee=_more(float((knees[0] - knees[1]).mean()), _SIDE_MARGIN_DEG),
        more_bent_elbow=_more(float((elbows[0] - elbows[1]).mean()), _SIDE_MARGIN_DEG),
        higher_hand=_more(float(heights.mean()), _HAND_MARGIN_M),
        trunk=_binned(tilt_deg, _TRUNK_LIMITS_DEG, TRUNKS),
        feet=_binned(_gap(joints, "ankle") / unit_m, (0.25, 0.6), SPREADS),
        hands=_binned(_gap(joints, "wrist") / unit_m, (0.3, 0.8), SPREADS),
    )


def _joint(joints_tj3: Array, name: str) -> Array:
    return joints_tj3[:, JOINTS.index(name)]


def _bend(joints: Array, side: str, chain: tuple[str, str, str]) -> Array:
    upper, middle, lower = (_joint(joints, f"{side}_{name}") for name in chain)
    return _between(middle - upper, lower - middle)


def _between(a: Array, b: Array) -> Array:
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray(np.degrees(np.arccos(np.clip(np.sum(a * b, axis=-1) / np.maximum(lengths, 1e-9), -1, 1))))


def _trunk_tilt(joints: Array) -> float:
    trunk = _joint(joints, "neck") - _joint(joints, "pelvis")
    return float(_between(trunk, np.array([0.0, 0.0, 1.0])).mean())


def _gap(joints: Array, name: str) -> float:
    return float(np.linalg.norm(_joint(joints, f"l_{name}") - _joint(joints, f"r_{name}"), axis=1).mean())


def _view(scene: Scene, joints: Array, tilt_deg: float) -> tuple[str, str]:
    """Return from where the body is seen and where it points in the picture."""
    up = (_joint(joints, "neck") - _joint(joints, "pelvis")).mean(axis=0)
    left = (_joint(joints, "l_hip") - _joint(joints, "r_hip")).mean(axis=0)
    is_level = tilt_deg >= _TRUNK_LIMITS_DEG[1]
    heading = up if is_level else np.cross(left, up)
    camera_deg = float(scene.azimuth_deg)
    heading_deg = float(np.degrees(np.arctan2(heading[1], heading[0])))
    off_deg = abs((camera_deg - heading_deg + 180.0) % 360.0 - 180.0)
    is_left = ((camera_deg - heading_deg) % 360.0) < 180.0
    if off_deg < 35.0:
        facing = "towards the camera"
    elif off_deg > 145.0:
        facing = "away from the camera"
    else:
        # Seen from its own left side, a body points to the left of the picture.
        facing = "left" if is_left else "right"
    if is_level:
        return ("head end" if off_deg < 35.0 else "foot end" if off_deg > 145.0 else "side"), facing
    return _binned(
        off_deg, (22.5, 67.5, 112.5, 157.5), ("front", "front corner", "side", "back corner", "back")
    ), facing


def _binned(value: float, limits: Sequence[float], names: Sequence[str]) -> str:
    return names[int(np.searchsorted(limits, value, side="right"))]


def _more(difference: float, margin: float) -> str:
    return "left" if difference > margin else "right" if difference < -margin else "neither"
