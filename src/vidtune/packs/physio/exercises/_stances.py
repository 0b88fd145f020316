"""Postures that several exercises start from, in the floor frame of one body."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vidtune.packs.figure import Dimensions, Pin

HANDS_ON_HIPS = {
    "shoulder_abd": 48.0,
    "shoulder_flex": -18.0,
    "shoulder_rot": -62.0,
    "elbow_flex": 105.0,
}
HANDS_AT_CHEST = {"shoulder_flex": 38.0, "shoulder_abd": 14.0, "shoulder_rot": -48.0, "elbow_flex": 125.0}
HANDS_AT_SIDES = {"shoulder_abd": 9.0, "elbow_flex": 12.0}


def both(angles: dict[str, float]) -> dict[str, float]:
    """Return limb angles for the left and the right side."""
    return {f"{side}_{name}": value for side in "lr" for name, value in angles.items()}


def standing_height_m(dims: Dimensions) -> float:
    """Return the height of the pelvis over straight legs."""
    return dims.ankle_height + 0.985 * (dims.shank + dims.thigh)


def trunk_length_m(dims: Dimensions) -> float:
    """Return the distance from the pelvis to the level of the shoulders."""
    return dims.lumbar + dims.thorax


def planted_feet(dims: Dimensions, half_width_m: float, *, toe_out_deg: float = 12.0) -> dict[str, Pin]:
    """Return both feet flat on the floor with the ankles under x = 0."""
    return {
        f"{side}_foot": Pin(dims.ball_length, sign * half_width_m, yaw_deg=toe_out_deg)
        for side, sign in (("l", 1.0), ("r", -1.0))
    }


def foot_at_ankle(
    dims: Dimensions, x_m: float, y_m: float, z_m: float, *, pitch_deg: float = 0.0, swivel_deg: float = 0.0
) -> Pin:
    """Return the pin that puts an ankle at a place, whatever the foot's tilt."""
    cos, sin = math.cos(math.radians(pitch_deg)), math.sin(math.radians(pitch_deg))
    return Pin(
        x_m - dims.ankle_height * sin + dims.ball_length * cos,
        y_m,
        z_m - dims.ankle_height * cos - dims.ball_length * sin,
        swivel_deg=swivel_deg,
        pitch_deg=pitch_deg,
    )


@dataclass(frozen=True)
class PlankLine:
    """A body stretched between toes and shoulders, face down; toes at x = 0, head towards +x."""

    pelvis_x_m: float
    pelvis_z_m: float
    trunk_pitch_deg: float
    chest_x_m: float
    """Where the shoulders are; a hand or elbow below them carries the weight."""


def plank_line(
    dims: Dimensions, chest_z_m: float, *, hips_up_m: float = 0.0, foot_pitch_deg: float = 72.0
) -> PlankLine:
    """Return the line of a plank whose hips are ``hips_up_m`` above (below, if negative) the straight line."""
    cos, sin = math.cos(math.radians(foot_pitch_deg)), math.sin(math.radians(foot_pitch_deg))
    ankle_x = dims.ankle_height * sin - dims.ball_length * cos
    ankle_z = dims.ankle_height * cos + dims.ball_length * sin
    leg, trunk = 0.99 * (dims.shank + dims.thigh), trunk_length_m(dims)
    pelvis_z = mix_heights(ankle_z, chest_z_m, leg / (leg + trunk)) + hips_up_m
    pelvis_z = max(pelvis_z, 6.0 * dims.girth)
    pelvis_x = ankle_x + math.sqrt(max(leg**2 - (pelvis_z - ankle_z) ** 2, 0.01))
    rise = max(-0.95, min(0.95, (chest_z_m - pelvis_z) / trunk))
    return PlankLine(pelvis_x, pelvis_z, math.degrees(math.acos(rise)), pelvis_x + trunk * math.sqrt(1.0 - rise**2))


def mix_heights(low_m: float, high_m: float, share: float) -> float:
    """Return the height ``share`` of the way up."""
    return low_m + (high_m - low_m) * share


@dataclass(frozen=True)
class BridgeLine:
    """A body on its back, shoulders at x = 0 on the floor, feet towards +x."""

    pelvis_x_m: float
    pelvis_z_m: float
    pitch_deg: float
    lift_deg: float
    """How steeply the trunk rises from the shoulders to the hips."""


def bridge_line(dims: Dimensions, lift_m: float) -> BridgeLine:
    """Return the trunk of someone on their back whose hips are ``lift_m`` above the floor position."""
    back = 5.2 * dims.girth
    trunk = trunk_length_m(dims)
    lift_m = min(lift_m, 0.8 * trunk)
    lift = math.asin(lift_m / trunk)
    return BridgeLine(trunk * math.cos(lift), back + lift_m, -90.0 - math.degrees(lift), math.degrees(lift))


def bridge_arms(lift_deg: float, spread_deg: float) -> dict[str, float]:
    """Return arms that lie on the floor, and a head that does, however high the hips are."""
    return both({"shoulder_flex": -lift_deg, "shoulder_abd": spread_deg}) | {"neck_flex": 0.9 * lift_deg}


def bridge_lift_m(dims: Dimensions) -> float:
    """Return the full height of a bridge: knees, hips and shoulders in one line."""
    return 0.60 * dims.thigh


def bridge_ankle_x_m(dims: Dimensions) -> float:
    """Return where the ankles stand so that the shins are upright in a full bridge."""
    trunk, lift = trunk_length_m(dims), bridge_lift_m(dims)
    knee_rise = dims.ankle_height + dims.shank - 5.2 * dims.girth - lift
    return math.sqrt(trunk**2 - lift**2) + math.sqrt(max(dims.thigh**2 - knee_rise**2, 0.01))


def fours_height_m(dims: Dimensions) -> float:
    """Return the height of the pelvis over upright thighs, knees on the floor."""
    return dims.thigh + 2.9 * dims.girth


@dataclass(frozen=True)
class TrunkTop:
    """Where the shoulders are after the trunk has bent forward or back, seen from the side."""

    x_m: float
    z_m: float
    pitch_deg: float
    """Forward tilt of the upper trunk."""


def trunk_top(dims: Dimensions, pitch_deg: float, spine_flex_deg: float, chest_flex_deg: float) -> TrunkTop:
    """Return the level of the shoulders relative to the pelvis."""
    angles = (pitch_deg, pitch_deg + spine_flex_deg, pitch_deg + spine_flex_deg + chest_flex_deg)
    lengths = (0.5 * dims.lumbar, 0.5 * dims.lumbar + 0.35 * dims.thorax, 0.65 * dims.thorax)
    x_m = sum(length * math.sin(math.radians(angle)) for length, angle in zip(lengths, angles, strict=True))
    z_m = sum(length * math.cos(math.radians(angle)) for length, angle in zip(lengths, angles, strict=True))
    return TrunkTop(x_m, z_m, angles[-1])
