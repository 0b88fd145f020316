"""Forward kinematics of a whole clip at once: poses in, joint positions out.

Shape letters: t moments, j joints, c controls, 3 or 33 space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidtune.packs.figure._pose import CONTROLS, PINNABLE, Pose
from vidtune.packs.figure._subject import Build

Array = NDArray[np.float64]

JOINTS: tuple[str, ...] = (
    "pelvis",
    "spine",
    "chest",
    "neck",
    "head",
    "head_top",
    *(
        f"{side}_{name}"
        for side in "lr"
        for name in ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "heel", "toe")
    ),
)
"""Names of the joints, in the order of every array with a joint axis."""

JOINT_INDEX: dict[str, int] = {name: index for index, name in enumerate(JOINTS)}

_SIDES = (("l", 1.0), ("r", -1.0))


@dataclass(frozen=True)
class Dimensions:
    """Lengths and thicknesses of one body in metres."""

    shank: float
    thigh: float
    ankle_height: float
    heel_length: float
    ball_length: float
    """From below the ankle to the ball of the foot, where it is pinned."""
    toe_length: float
    """From below the ankle to the tip of the shoe."""
    hip_half: float
    lumbar: float
    """Pelvis to the middle of the trunk."""
    thorax: float
    """Middle of the trunk to the level of the shoulders."""
    collar: float
    """Level of the shoulders to the base of the neck."""
    neck: float
    """Base of the neck to the middle of the head."""
    shoulder_half: float
    upper_arm: float
    forearm: float
    hand: float
    head_radius: float
    girth: float
    """Unit of thickness: 1 % of an average adult's stature, times the build's girth."""


def dimensions_of(build: Build) -> Dimensions:
    """Return the lengths of a body, after the segment proportions of Drillis and Contini (1966)."""
    s, leg, arm = build.stature_m, build.leg_length, build.arm_length
    return Dimensions(
        shank=0.242 * s * leg,
        thigh=0.242 * s * leg,
        ankle_height=0.042 * s,
        heel_length=0.035 * s,
        ball_length=0.085 * s,
        toe_length=0.118 * s,
        hip_half=0.052 * s * build.hip_width,
        lumbar=0.120 * s,
        thorax=0.165 * s,
        collar=0.028 * s,
        neck=0.082 * s,
        shoulder_half=0.112 * s * build.shoulder_width,
        upper_arm=0.178 * s * arm,
        forearm=0.150 * s * arm,
        hand=0.088 * s * arm,
        head_radius=0.067 * s * build.head_size,
        girth=0.01 * s * build.girth,
    )


@dataclass(frozen=True)
class Posed:
    """Joint positions of a clip in the floor frame, and the frames of the parts that are not lines."""

    joints_tj3: Array
    pelvis_t33: Array
    waist_t33: Array
    chest_t33: Array
    head_t33: Array
    """Columns are the part's forward, left and up directions."""

    def joint(self, name: str) -> Array:
        """Return the positions of one joint, t3."""
        return self.joints_tj3[:, JOINT_INDEX[name]]


def pose_body(poses: Sequence[Pose], dims: Dimensions) -> Posed:
    """Place a body in all ``poses``."""
    controls = _stack_controls(poses)
    yaw = np.array([pose.yaw_deg for pose in poses])
    pelvis = _rot("z", yaw) @ _rot("y", [p.pitch_deg for p in poses]) @ _rot("x", [p.roll_deg for p in poses])
    joints: dict[str, Array] = {"pelvis": np.zeros((len(poses), 3))}
    waist, chest, head = _place_trunk(joints, pelvis, controls, dims)
    for side, sign in _SIDES:
        _place_leg(joints, pelvis, controls, dims, side, sign)
        _place_arm(joints, chest, controls, dims, side, sign)
    shift = _placement(joints, pelvis, chest, poses, dims)
    joints = {name: position + shift for name, position in joints.items()}
    for name in PINNABLE:
        _reach_pin(joints, pelvis, chest, poses, dims, name)
    return Posed(np.stack([joints[name] for name in JOINTS], axis=1), pelvis, waist, chest, head)


def _stack_controls(poses: Sequence[Pose]) -> dict[str, Array]:
    table = {name: np.zeros(len(poses)) for name in CONTROLS}
    for index, pose in enumerate(poses):
        for name, value in pose.angles.items():
            table[name][index] = value
    return table


def _place_trunk(
    joints: dict[str, Array], pelvis: Array, controls: dict[str, Array], dims: Dimensions
) -> tuple[Array, Array, Array]:
    def turned(parent: Array, part: str) -> Array:
        return (
            parent
            @ _rot("y", controls[f"{part}_flex"])
            @ _rot("x", controls[f"{part}_side"])
            @ _rot("z", controls[f"{part}_twist"])
        )

    up = np.array([0.0, 0.0, 1.0])
    waist = turned(pelvis, "spine")
    # The lumbar spine bends along its length, so the trunk leaves the pelvis half way between the two.
    joints["spine"] = joints["pelvis"] + 0.5 * dims.lumbar * (pelvis @ up + waist @ up)
    chest = turned(waist, "chest")
    joints["chest"] = joints["spine"] + dims.thorax * (0.35 * (waist @ up) + 0.65 * (chest @ up))
    joints["neck"] = joints["chest"] + dims.collar * (chest @ up)
    head = turned(chest, "neck")
    joints["head"] = joints["neck"] + dims.neck * (0.3 * (chest @ up) + 0.7 * (head @ up))
    joints["head_top"] = joints["head"] + 1.15 * dims.head_radius * (head @ up)
    return waist, chest, head


def _place_leg(
    joints: dict[str, Array], pelvis: Array, controls: dict[str, Array], dims: Dimensions, side: str, sign: float
) -> None:
    hip = joints["pelvis"] + pelvis @ np.array([0.0, sign * dims.hip_half, 0.0])
    thigh = (
        pelvis
        @ _rot("y", -controls[f"{side}_hip_flex"])
        @ _rot("x", sign * controls[f"{side}_hip_abd"])
        @ _rot("z", sign * controls[f"{side}_hip_rot"])
    )
    shank = thigh @ _rot("y", controls[f"{side}_knee_flex"])
    foot = shank @ _rot("y", controls[f"{side}_ankle_point"])
    knee = hip - dims.thigh * thigh[:, :, 2]
    ankle = knee - dims.shank * shank[:, :, 2]
    joints.update({f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle})
    _place_foot(joints, foot, dims, side)


def _place_foot(joints: dict[str, Array], foot: Array, dims: Dimensions, side: str) -> None:
    sole = joints[f"{side}_ankle"] - (dims.ankle_height - _shoe_radius(dims)) * foot[:, :, 2]
    joints[f"{side}_heel"] = sole - dims.heel_length * foot[:, :, 0]
    joints[f"{side}_toe"] = sole + dims.toe_length * foot[:, :, 0]


def _place_arm(
    joints: dict[str, Array], chest: Array, controls: dict[str, Array], dims: Dimensions, side: str, sign: float
) -> None:
    shrug = np.radians(controls[f"{side}_shrug"])[:, None]
    out, up = sign * chest[:, :, 1], chest[:, :, 2]
    shoulder = joints["chest"] + dims.shoulder_half * (np.cos(shrug) * out + np.sin(shrug) * up)
    upper = (
        chest
        @ _rot("y", -controls[f"{side}_shoulder_flex"])
        @ _rot("x", sign * controls[f"{side}_shoulder_abd"])
        @ _rot("z", sign * controls[f"{side}_shoulder_rot"])
    )
    lower = upper @ _rot("y", -controls[f"{side}_elbow_flex"])
    palm = lower @ _rot("y", -controls[f"{side}_wrist_flex"])
    elbow = shoulder - dims.upper_arm * upper[:, :, 2]
    wrist = elbow - dims.forearm * lower[:, :, 2]
    hand = wrist - dims.hand * palm[:, :, 2]
    joints.update({f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": wrist, f"{side}_hand": hand})


def _placement(joints: dict[str, Array], pelvis: Array, chest: Array, poses: Sequence[Pose], dims: Dimensions) -> Array:
    """Return the shift t3 that puts the anchor over its place and the body on the floor."""
    shift = np.array([[pose.x_m, pose.y_m, 0.0] for pose in poses])
    for index, pose in enumerate(poses):
        held = pose.anchor or ("pelvis",)
        shift[index, :2] -= np.mean([joints[name][index, :2] for name in held], axis=0)
        if pose.z_m is not None:
            shift[index, 2] = pose.z_m
    contacts, owners = _contact_heights(joints, pelvis, chest, dims)
    for index, pose in enumerate(poses):
        if pose.z_m is None:
            is_free = [owner not in pose.pins for owner in owners]
            shift[index, 2] = -float(contacts[index][is_free].min())
    return shift


def _contact_heights(
    joints: dict[str, Array], pelvis: Array, chest: Array, dims: Dimensions
) -> tuple[Array, list[str]]:
    """Return the lowest heights (t, contacts) of the parts that can bear weight, and the limb each belongs to."""
    g = dims.girth
    heights: list[Array] = []
    owners: list[str] = []

    def add(position: Array, radius: float, owner: str = "") -> None:
        heights.append(position[:, 2] - radius)
        owners.append(owner)

    for side, _ in _SIDES:
        add(joints[f"{side}_heel"], _shoe_radius(dims), f"{side}_foot")
        add(joints[f"{side}_toe"], 0.8 * _shoe_radius(dims), f"{side}_foot")
        add(joints[f"{side}_knee"], 2.9 * g, f"{side}_foot")
        add(joints[f"{side}_hip"], 4.6 * g)
        add(joints[f"{side}_shoulder"], 2.9 * g)
        add(joints[f"{side}_elbow"], 2.0 * g, f"{side}_hand")
        add(joints[f"{side}_wrist"], 1.5 * g, f"{side}_hand")
        add(joints[f"{side}_hand"], 1.2 * g, f"{side}_hand")
    add(joints["head"], dims.head_radius)
    for center, frame, depth in ((joints["pelvis"], pelvis, 5.6), (joints["chest"], chest, 5.4)):
        for direction in (1.0, -1.0):
            add(center + direction * 0.35 * depth * g * frame[:, :, 0], 0.65 * depth * g)
    return np.stack(heights, axis=1), owners


def _reach_pin(
    joints: dict[str, Array], pelvis: Array, chest: Array, poses: Sequence[Pose], dims: Dimensions, name: str
) -> None:
    """Bend one limb so that its end lies at the pin, in the moments that have one."""
    chosen = np.array([index for index, pose in enumerate(poses) if name in pose.pins], dtype=int)
    if not len(chosen):
        return
    pins = [poses[index].pins[name] for index in chosen]
    side, end = name.split("_")
    sign = 1.0 if side == "l" else -1.0
    place = np.array([[pin.x_m, pin.y_m, pin.z_m] for pin in pins])
    heading = np.array([poses[index].yaw_deg + sign * pin.yaw_deg for index, pin in zip(chosen, pins, strict=True)])
    frame = _rot("z", heading) @ _rot("y", [pin.pitch_deg for pin in pins])
    swivel = np.radians([pin.swivel_deg for pin in pins])
    if end == "foot":
        target = place + dims.ankle_height * frame[:, :, 2] - dims.ball_length * frame[:, :, 0]
        # Knees bend to where the toes point; the pelvis alone would lose the direction in a deep forward bend.
        pole = pelvis[chosen] @ np.array([1.0, 0.0, 0.25]) + _rot("z", heading)[:, :, 0]
        root, mid, tip = f"{side}_hip", f"{side}_knee", f"{side}_ankle"
        lengths = (dims.thigh, dims.shank)
    else:
        target = place + np.array([0.0, 0.0, 1.5 * dims.girth])
        pole = chest[chosen] @ np.array([-0.5, 0.25 * sign, -0.8])
        root, mid, tip = f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"
        lengths = (dims.upper_arm, dims.forearm)
    middle, reached = _two_bones(
        joints[root][chosen], target, pole, swivel * sign * (1 if end == "foot" else -1), lengths
    )
    joints[mid][chosen] = middle
    joints[tip][chosen] = reached
    is_flat = np.array([pin.is_flat for pin in pins])[:, None]
    along = reached - middle
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    if end == "hand":
        direction = np.where(is_flat, frame[:, :, 0], along)
        joints[f"{side}_hand"][chosen] = reached + dims.hand * direction
        return
    forward = pelvis[chosen][:, :, 0]
    free = np.stack([forward, np.cross(-along, forward), -along], axis=2)
    foot = {f"{side}_ankle": reached}
    _place_foot(foot, np.where(is_flat[:, :, None], frame, free), dims, side)
    # Toes bend: the tip of a foot that stands on its ball does not dive into the floor.
    lowest = place[:, 2] + 0.5 * _shoe_radius(dims)
    toe_tip = foot[f"{side}_toe"]
    toe_tip[:, 2] = np.where(is_flat[:, 0], np.maximum(toe_tip[:, 2], lowest), toe_tip[:, 2])
    for part in ("heel", "toe"):
        joints[f"{side}_{part}"][chosen] = foot[f"{side}_{part}"]


def _two_bones(
    root: Array, target: Array, pole: Array, swivel_rad: Array, lengths: tuple[float, float]
) -> tuple[Array, Array]:
    """Return the middle joint and the end of a two-bone limb that reaches from ``root`` towards ``target``."""
    upper, lower = lengths
    axis = target - root
    distance = np.linalg.norm(axis, axis=1, keepdims=True)
    axis = axis / np.maximum(distance, 1e-9)
    distance = np.clip(distance, abs(upper - lower) + 1e-3, 0.9995 * (upper + lower))
    bend = pole - np.sum(pole * axis, axis=1, keepdims=True) * axis
    bend /= np.maximum(np.linalg.norm(bend, axis=1, keepdims=True), 1e-9)
    outward = np.cross(bend, axis)
    bend = np.cos(swivel_rad)[:, None] * bend + np.sin(swivel_rad)[:, None] * outward
    along = (distance**2 + upper**2 - lower**2) / (2 * distance)
    height = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    return root + along * axis + height * bend, root + distance * axis


def _shoe_radius(dims: Dimensions) -> float:
    return 0.55 * dims.ankle_height


def _rot(axis: str, degrees: Array | Sequence[float]) -> Array:
    """Return rotations t33 about one axis, counter-clockwise seen from its tip."""
    radians = np.radians(np.asarray(degrees, dtype=np.float64))
    cos, sin = np.cos(radians), np.sin(radians)
    rotation = np.zeros((len(radians), 3, 3))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    still = 3 - first - second
    rotation[:, still, still] = 1.0
    rotation[:, first, first] = rotation[:, second, second] = cos
    rotation[:, first, second], rotation[:, second, first] = -sin, sin
    return rotation
