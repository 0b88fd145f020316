"""The drawn person: a 3D skeleton moved by joint angles, painted as a clothed, shaded body in a room.

Holds no exercises and does no I/O. A pack brings a ``Motion`` (seconds to ``Pose``), a ``Subject`` and a
``Scene``; ``render_frames`` returns pixels with joint positions and angles.
"""

from vidtune.packs.figure._measure import ANGLES
from vidtune.packs.figure._pose import CONTROLS, PINNABLE, Motion, Pin, Pose
from vidtune.packs.figure._render import Rendered, render_frames
from vidtune.packs.figure._scene import (
    FLOOR_COLOURS,
    MAT_COLOURS,
    NO_MAT,
    ROOMS,
    WALL_COLOURS,
    Scene,
    sample_scene,
)
from vidtune.packs.figure._skeleton import JOINTS, Dimensions, dimensions_of
from vidtune.packs.figure._subject import (
    BOTTOM_KINDS,
    CLOTH_COLOURS,
    HAIR_COLOURS,
    HAIR_KINDS,
    SKIN_TONES,
    TOP_KINDS,
    Build,
    Subject,
    sample_subject,
)

__all__ = [
    "ANGLES",
    "BOTTOM_KINDS",
    "CLOTH_COLOURS",
    "CONTROLS",
    "FLOOR_COLOURS",
    "HAIR_COLOURS",
    "HAIR_KINDS",
    "JOINTS",
    "MAT_COLOURS",
    "NO_MAT",
    "PINNABLE",
    "ROOMS",
    "SKIN_TONES",
    "TOP_KINDS",
    "WALL_COLOURS",
    "Build",
    "Dimensions",
    "Motion",
    "Pin",
    "Pose",
    "Rendered",
    "Scene",
    "Subject",
    "dimensions_of",
    "render_frames",
    "sample_scene",
    "sample_subject",
]
