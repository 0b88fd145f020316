"""What a body does at one moment: root placement, joint angles, and hands or feet held at a place.

Axes of the floor frame, used everywhere in this package: x forward (where a body with yaw 0 faces),
y to the body's left, z up, the floor at z = 0; metres and degrees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

_TRUNK_CONTROLS = (
    "spine_flex",
    "spine_side",
    "spine_twist",
    "chest_flex",
    "chest_side",
    "chest_twist",
    "neck_flex",
    "neck_side",
    "neck_twist",
)
_LIMB_CONTROLS = (
    "hip_flex",
    "hip_abd",
    "hip_rot",
    "knee_flex",
    "ankle_point",
    "shoulder_flex",
    "shoulder_abd",
    "shoulder_rot",
    "elbow_flex",
    "wrist_flex",
    "shrug",
)

CONTROLS: tuple[str, ...] = _TRUNK_CONTROLS + tuple(f"{side}_{name}" for side in "lr" for name in _LIMB_CONTROLS)
"""Names of the joint angles of a pose, in degrees; 0 everywhere is standing with arms hanging.

``*_flex`` bends forward (knees backward, as knees do); ``*_abd`` lifts a limb away from the midline;
``*_rot`` turns it outward about its own length; ``*_side`` bends and ``neck_side`` tips to the right;
``*_twist`` turns to the left; ``ankle_point`` points the toes; ``shrug`` raises the shoulder (degrees
of the collar bone).
"""

PINNABLE: tuple[str, ...] = ("l_hand", "r_hand", "l_foot", "r_foot")
"""Limb ends that a pose can hold at a place in the floor frame."""

_SIGN_FLIPS = frozenset(name for name in _TRUNK_CONTROLS if name.endswith(("_side", "_twist")))


@dataclass(frozen=True)
class Pin:
    """A place where a hand or a foot is held; the limb bends to reach it."""

    x_m: float
    y_m: float
    z_m: float = 0.0
    """Foot: the sole under the ball of the foot. Hand: the underside of the wrist."""
    swivel_deg: float = 0.0
    """Turns the knee or elbow outward about the line from hip (shoulder) to the pin."""
    yaw_deg: float = 0.0
    """Where toes or fingers point, outward from straight ahead (of the root's yaw)."""
    pitch_deg: float = 0.0
    """Foot: heel raised about the ball. Hand: wrist raised about the palm's end. 0 lies flat."""
    is_flat: bool = True
    """Whether hand or foot takes the orientation above; False lets it follow the limb."""

    def blend(self, other: Pin, weight: float) -> Pin:
        """Return the pin ``weight`` of the way from this one to ``other``."""
        names = ("x_m", "y_m", "z_m", "swivel_deg", "yaw_deg", "pitch_deg")
        values = {name: _mix(getattr(self, name), getattr(other, name), weight) for name in names}
        return Pin(**values, is_flat=self.is_flat if weight < 0.5 else other.is_flat)


@dataclass(frozen=True)
class Pose:
    """One posture. Angles that are not named are 0.

    The pelvis is turned by roll, then pitch, then yaw. Unpinned bodies are put on the floor by
    their lowest point; ``z_m`` sets the height of the pelvis instead.
    """

    angles: Mapping[str, float] = field(default_factory=dict)
    """Degrees by name; the names are ``CONTROLS``."""
    pitch_deg: float = 0.0
    """Forward tilt of the pelvis: 0 upright, 90 face down, -90 on the back."""
    roll_deg: float = 0.0
    """Tilt to the body's right: 90 lies on the right side, -90 on the left."""
    yaw_deg: float = 0.0
    """Turn to the left about the vertical."""
    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float | None = None
    """Height of the pelvis centre; None stands the body on its lowest unpinned point."""
    anchor: tuple[str, ...] = ()
    """Joints whose mean position stays over (x_m, y_m); empty means the pelvis."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """Held hands and feet by name; the names are ``PINNABLE``."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.angles) - set(CONTROLS)) + sorted(set(self.pins) - set(PINNABLE))
        if unknown:
            raise ValueError(f"a pose has no {', '.join(unknown)}; angles are {CONTROLS}, pins are {PINNABLE}.")

    def with_angles(self, **angles: float) -> Pose:
        """Return this pose with some angles replaced."""
        return replace(self, angles={**self.angles, **angles})

    def plus(self, **angles: float) -> Pose:
        """Return this pose with degrees added to some angles."""
        return self.with_angles(**{name: self.angles.get(name, 0.0) + value for name, value in angles.items()})

    def blend(self, other: Pose, weight: float) -> Pose:
        """Return the pose ``weight`` (0 to 1) of the way from this one to ``other``.

        A pin or a height that only one of the two has is kept as it is there, so blend poses of the same kind.
        """
        names = self.angles.keys() | other.angles.keys()
        pins = dict(other.pins) | dict(self.pins)
        for name in self.pins.keys() & other.pins.keys():
            pins[name] = self.pins[name].blend(other.pins[name], weight)
        if self.z_m is None or other.z_m is None:
            z_m = self.z_m if self.z_m is not None else other.z_m
        else:
            z_m = _mix(self.z_m, other.z_m, weight)
        return Pose(
            angles={n: _mix(self.angles.get(n, 0.0), other.angles.get(n, 0.0), weight) for n in sorted(names)},
            pitch_deg=_mix(self.pitch_deg, other.pitch_deg, weight),
            roll_deg=_mix(self.roll_deg, other.roll_deg, weight),
            yaw_deg=_mix(self.yaw_deg, other.yaw_deg, weight),
            x_m=_mix(self.x_m, other.x_m, weight),
            y_m=_mix(self.y_m, other.y_m, weight),
            z_m=z_m,
            anchor=self.anchor if weight < 0.5 else other.anchor,
            pins=pins,
        )

    def mirrored(self) -> Pose:
        """Return the pose of the mirror image: left and right exchanged."""
        return Pose(
            angles={_other_side(name): -v if name in _SIGN_FLIPS else v for name, v in self.angles.items()},
            pitch_deg=self.pitch_deg,
            roll_deg=-self.roll_deg,
            yaw_deg=-self.yaw_deg,
            x_m=self.x_m,
            y_m=-self.y_m,
            z_m=self.z_m,
            anchor=tuple(_other_side(name) for name in self.anchor),
            pins={_other_side(name): replace(pin, y_m=-pin.y_m) for name, pin in self.pins.items()},
        )


Motion = Callable[[float], Pose]
"""What a body does over time: seconds since the start of the clip to a pose."""


def _mix(a: float, b: float, weight: float) -> float:
    return a + (b - a) * weight


def _other_side(name: str) -> str:
    swapped = {"l_": "r_", "r_": "l_"}.get(name[:2])
    return swapped + name[2:] if swapped else name
