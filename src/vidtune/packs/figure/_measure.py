"""Joint angles as a physiotherapist measures them: from positions, whatever controls made them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidtune.packs.figure._skeleton import Posed

Array = NDArray[np.float64]

ANGLES: tuple[str, ...] = (
    "trunk_tilt",
    "trunk_bend",
    "neck_bend",
    *(
        f"{side}_{name}"
        for side in "lr"
        for name in ("knee", "hip", "elbow", "shoulder", "ankle", "thigh_tilt", "shank_tilt", "upper_arm_tilt")
    ),
)
"""Names of the measured angles, in the order of every array with an angle axis; all in 0..180 degrees.

``knee``, ``hip``, ``elbow``: how far from straight. ``shoulder``: upper arm away from the trunk's downward line.
``ankle``: between shank and foot. ``*_tilt``: away from the vertical (0 upright; an arm or leg that hangs is 0).
``trunk_bend``: lower against upper half of the trunk. ``neck_bend``: neck and head against the upper trunk.
"""


def measure_angles(posed: Posed) -> Array:
    """Return the angles ta of all moments."""
    joint = posed.joint
    up = np.zeros_like(joint("pelvis"))
    up[:, 2] = 1.0
    trunk = joint("neck") - joint("pelvis")
    upper = joint("neck") - joint("spine")
    found = {
        "trunk_tilt": _between(trunk, up),
        "trunk_bend": _between(joint("spine") - joint("pelvis"), upper),
        "neck_bend": _between(joint("head_top") - joint("neck"), upper),
    }
    for side in "lr":
        hip, knee, ankle = (joint(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        shoulder, elbow, wrist = (joint(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        found |= {
            f"{side}_knee": _between(knee - hip, ankle - knee),
            f"{side}_hip": _between(knee - hip, -trunk),
            f"{side}_elbow": _between(elbow - shoulder, wrist - elbow),
            f"{side}_shoulder": _between(elbow - shoulder, -upper),
            f"{side}_ankle": _between(knee - ankle, joint(f"{side}_toe") - joint(f"{side}_heel")),
            f"{side}_thigh_tilt": _between(hip - knee, up),
            f"{side}_shank_tilt": _between(knee - ankle, up),
            f"{side}_upper_arm_tilt": _between(shoulder - elbow, up),
        }
    return np.stack([found[name] for name in ANGLES], axis=1)


def _between(a: Array, b: Array) -> Array:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = np.sum(a * b, axis=1) / np.maximum(lengths, 1e-9)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
