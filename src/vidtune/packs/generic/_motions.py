"""Random bodily motion: a posture, a few joint groups that move, and everything else held somewhere.

The space of what bodies do is covered densely and at random. What the training exercises of the physio
pack are made of is left out as such: for every posture, the joint groups whose cyclic motion (or, for
held exercises, whose plain hold) would be one of them are barred (``_BARRED``, ``_bodily_noise``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vidtune.packs.figure import Build, Pin, Pose
from vidtune.packs.generic._truth import EXTENTS, POSTURES, TEMPOS, MotionFact

_ARM_PRIMITIVES: dict[str, Mapping[str, float]] = {
    "arm_front": {"shoulder_flex": 150},
    "arm_side": {"shoulder_abd": 140},
    "arm_back": {"shoulder_flex": -55},
    "arm_cross": {"shoulder_abd": -75},
    "elbow_bend": {"elbow_flex": 135},
    "arm_up": {"elbow_flex": -130, "shoulder_abd": 75},
    "arm_circle": {"shoulder_flex": 90, "shoulder_abd": 90},
}
_LEG_PRIMITIVES: dict[str, Mapping[str, float]] = {
    "leg_front": {"hip_flex": 80},
    "leg_side": {"hip_abd": 50},
    "leg_back": {"hip_flex": -38},
    "knee_bend": {"knee_flex": 110},
    "knee_up": {"hip_flex": 95, "knee_flex": 95},
    "foot_point": {"ankle_point": 60},
    "leg_spread": {"hip_abd": 40},
}
_TRUNK_PRIMITIVES: dict[str, Mapping[str, float]] = {
    "trunk_forward": {"spine_flex": 32, "chest_flex": 28},
    "trunk_back": {"spine_flex": -26, "chest_flex": -22},
    "trunk_side": {"spine_side": 26, "chest_side": 24},
    "trunk_turn": {"spine_twist": 32, "chest_twist": 32},
    "spine_wave": {"spine_flex": 30, "chest_flex": 26, "neck_flex": 25},
}
_HEAD_PRIMITIVES: dict[str, Mapping[str, float]] = {"head_nod": {"neck_flex": 45}, "head_turn": {"neck_twist": 65}}
_BODY_PRIMITIVES = ("body_sink", "body_shift", "body_sway")

_EXTENT_RANGES = {"small": (0.16, 0.30), "medium": (0.45, 0.62), "large": (0.82, 1.0)}
_TEMPO_PERIODS_S = {"slow": (2.6, 4.0), "steady": (1.4, 2.2), "quick": (0.6, 1.0)}

_BARRED: dict[str, frozenset[str]] = {
    "standing": frozenset({"body_sink", "both:knee_bend", "both:knee_up", "both:foot_point", "trunk_forward"}),
    "bent forward": frozenset({"body_sink", "both:knee_bend", "both:foot_point", "trunk_forward"}),
    "crouching": frozenset({"body_sink", "both:knee_bend", "both:foot_point"}),
    "half kneeling": frozenset({"body_sink", "body_shift"}),
    "on hands and knees": frozenset({"spine_wave", "trunk_forward", "trunk_back", "body_sink", "pair"}),
    "on hands and toes": frozenset({"body_sink", "both:elbow_bend", "pair"}),
    "on forearms and toes": frozenset({"body_sink"}),
    "lying face up": frozenset({"body_sink", "both:knee_bend", "both:knee_up", "trunk_back", "pair"}),
}
"""Posture -> actions that would make an exercise of the physio pack; ``pair`` bars arm with leg."""

_NO_FREE_LEGS = (
    "bent forward",
    "crouching",
    "half kneeling",
    "kneeling",
    "sitting on the heels",
    "on forearms and toes",
)
_FEET_PINNED = ("bent forward", "crouching", "on forearms and toes")
_HANDS_PINNED = ("on hands and knees", "on hands and toes")


@dataclass(frozen=True)
class GenericMotion:
    """A body's motion over time and what it was made of."""

    posture: str
    facts: tuple[MotionFact, ...]
    is_sequence: bool
    pose_at: Callable[[float], Pose]


@dataclass(frozen=True)
class _Moving:
    """One primitive in time: which controls it adds and when."""

    fact: MotionFact
    deltas: Mapping[str, float]
    second_side: Mapping[str, float]
    """What the other side adds half a period later, when the two alternate."""
    shift_xyz_m: tuple[float, float, float]
    unpins: tuple[str, ...]
    start_s: float
    stop_s: float
    period_s: float
    phase: float

    def weight(self, time_s: float, offset: float = 0.0) -> float:
        if not self.start_s <= time_s <= self.stop_s:
            return 0.0
        turns = (time_s - self.start_s) / self.period_s + self.phase + offset
        return 0.5 - 0.5 * math.cos(2 * math.pi * turns)


def sample_motion(rng: np.random.Generator, build: Build, duration_s: float) -> GenericMotion:
    """Return one random motion for a body of that build."""
    posture = POSTURES[int(rng.choice(len(POSTURES), p=_POSTURE_WEIGHTS))]
    base = _bodily_noise(_BASES[posture](rng, build), rng)
    count = int(rng.choice(3, p=(0.10, 0.58, 0.32)))
    is_sequence = count == 2 and rng.random() < 0.5
    moving: list[_Moving] = []
    for index in range(count):
        window = (0.0, duration_s)
        if is_sequence:
            window = (0.0, duration_s / 2) if index == 0 else (duration_s / 2, duration_s)
        made = _sample_moving(rng, posture, base, [part.fact for part in moving], window, build)
        if made is not None:
            moving.append(made)
    if not moving:
        is_sequence = False
        base = _break_plain_holds(base, posture, rng)
    facts = tuple(part.fact for part in moving)
    return GenericMotion(posture, facts, is_sequence and len(facts) == 2, _animate(base, moving))


def _animate(base: Pose, moving: list[_Moving]) -> Callable[[float], Pose]:
    unpinned = {name for part in moving for name in part.unpins}
    still = replace(base, pins={name: pin for name, pin in base.pins.items() if name not in unpinned})

    def pose_at(time_s: float) -> Pose:
        pose = still
        for part in moving:
            first = part.weight(time_s)
            pose = pose.plus(**{name: first * value for name, value in part.deltas.items()})
            if part.second_side:
                second = part.weight(time_s, 0.5)
                pose = pose.plus(**{name: second * value for name, value in part.second_side.items()})
            x, y, z = (first * value for value in part.shift_xyz_m)
            if x or y or z:
                pose = replace(pose, x_m=pose.x_m + x, y_m=pose.y_m + y, z_m=None if pose.z_m is None else pose.z_m + z)
        return pose

    return pose_at


def _sample_moving(
    rng: np.random.Generator,
    posture: str,
    base: Pose,
    taken: list[MotionFact],
    window: tuple[float, float],
    build: Build,
) -> _Moving | None:
    barred = _BARRED.get(posture, frozenset())
    for _ in range(20):
        part, action = _sample_action(rng, posture)
        group = part.split()[-1].removesuffix("s")
        is_both = part.startswith("both")
        if action in barred or (is_both and f"both:{action}" in barred):
            continue
        if any(group == fact.part.split()[-1].removesuffix("s") or fact.part == "whole body" for fact in taken):
            continue
        if taken and ("pair" in barred or part == "whole body"):
            continue
        return _make_moving(rng, part, action, base, window, build, posture)
    return None


def _sample_action(rng: np.random.Generator, posture: str) -> tuple[str, str]:
    groups = ["arm", "trunk", "head"]
    weights = [4.0, 2.0, 0.6]
    if posture not in _NO_FREE_LEGS:
        groups.append("leg")
        weights.append(4.0)
    if posture in ("standing", "bent forward", "crouching", "kneeling", "on hands and toes", "half kneeling"):
        groups.append("whole body")
        weights.append(1.2)
    group = groups[int(rng.choice(len(groups), p=np.array(weights) / sum(weights)))]
    if group in ("arm", "leg"):
        table = _ARM_PRIMITIVES if group == "arm" else _LEG_PRIMITIVES
        side = ("left", "right", "both")[int(rng.choice(3, p=(0.33, 0.33, 0.34)))]
        if posture in _HANDS_PINNED or (group == "leg" and posture == "on hands and knees"):
            side = ("left", "right")[int(rng.integers(2))]
        action = list(table)[int(rng.integers(len(table)))]
        if action == "leg_spread":
            side = "both"
        return (f"{side} {group}s" if side == "both" else f"{side} {group}"), action
    table_names = {
        "trunk": list(_TRUNK_PRIMITIVES),
        "head": list(_HEAD_PRIMITIVES),
        "whole body": list(_BODY_PRIMITIVES),
    }
    names = table_names[group]
    return group, names[int(rng.integers(len(names)))]


def _make_moving(
    rng: np.random.Generator,
    part: str,
    action: str,
    base: Pose,
    window: tuple[float, float],
    build: Build,
    posture: str,
) -> _Moving:
    extent = EXTENTS[int(rng.integers(3))]
    tempo = TEMPOS[int(rng.integers(3))]
    low, high = _EXTENT_RANGES[extent]
    scale = float(rng.uniform(low, high))
    period_s = float(rng.uniform(*_TEMPO_PERIODS_S[tempo]))
    deltas, second, unpins = _controls_of(rng, part, action, scale)
    pattern = "single"
    if part.startswith("both"):
        pattern = "alternating" if second else "together"
    shift = _shift_of(action, scale, rng, build, posture) if part == "whole body" else (0.0, 0.0, 0.0)
    if action == "body_sink" and posture == "kneeling":
        # Kneeling bodies sink onto their heels: the thighs tip back, the shins stay on the floor.
        deltas = {
            f"{side}_{name}": value * scale for side in "lr" for name, value in (("hip_flex", 62), ("knee_flex", 62))
        }
        shift = (0.0, 0.0, 0.0)
    cycles = (window[1] - window[0]) / period_s
    phase = 0.0 if window[0] > 0 else float(rng.choice([0.0, float(rng.uniform(0, 1))]))
    fact = MotionFact(part, action, tempo, extent, pattern, round(cycles, 2))
    return _Moving(fact, deltas, second, shift, unpins, window[0], window[1], period_s, phase)


def _controls_of(
    rng: np.random.Generator, part: str, action: str, scale: float
) -> tuple[dict[str, float], dict[str, float], tuple[str, ...]]:
    """Return what is added, what the other side adds half a period later, and the ends that come free."""
    if part in ("trunk", "head", "whole body"):
        table = {**_TRUNK_PRIMITIVES, **_HEAD_PRIMITIVES}.get(action, {})
        sign = (
            float(rng.choice((-1.0, 1.0))) if action in ("trunk_side", "trunk_turn", "head_turn", "head_nod") else 1.0
        )
        return {name: sign * value * scale for name, value in table.items()}, {}, ()
    is_arm = "arm" in part
    table = (_ARM_PRIMITIVES if is_arm else _LEG_PRIMITIVES)[action]
    sides = {"left": ("l",), "right": ("r",), "both": ("l", "r")}[part.split()[0]]
    unpins = tuple(f"{side}_{'hand' if is_arm else 'foot'}" for side in sides)
    each = [{f"{side}_{name}": value * scale for name, value in table.items()} for side in sides]
    if len(each) == 2 and action != "leg_spread" and rng.random() < 0.5:
        return each[0], each[1], unpins
    return {name: value for added in each for name, value in added.items()}, {}, unpins


def _shift_of(
    action: str, scale: float, rng: np.random.Generator, build: Build, posture: str
) -> tuple[float, float, float]:
    unit = build.stature_m / 1.7
    sign = float(rng.choice((-1.0, 1.0)))
    if action == "body_shift":
        return sign * 0.22 * scale * unit, 0.0, 0.0
    if action == "body_sway":
        return 0.0, sign * 0.22 * scale * unit, 0.0
    return 0.0, 0.0, -0.35 * scale * unit


# ---------------------------------------------------------------------------------------------- postures
def _u(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _hip_height(build: Build) -> float:
    return (0.484 * build.leg_length + 0.042) * build.stature_m


def _arms(rng: np.random.Generator) -> dict[str, float]:
    """Return a hold of both arms: often one of the usual ones, sometimes anything at all."""
    holds: tuple[Mapping[str, float], ...] = (
        {},
        {"shoulder_flex": 85},
        {"shoulder_abd": 85},
        {"shoulder_flex": 170},
        {"shoulder_abd": 45, "shoulder_rot": -60, "elbow_flex": 95},
        {"shoulder_abd": 110, "shoulder_rot": 70, "elbow_flex": 120},
        {"shoulder_flex": 60, "shoulder_abd": -20, "elbow_flex": 100},
        {"shoulder_flex": -35},
        {"shoulder_flex": 20, "elbow_flex": 100},
    )
    angles: dict[str, float] = {}
    shared = holds[int(rng.integers(len(holds)))]
    is_same = rng.random() < 0.65
    for side in "lr":
        hold = shared if is_same else holds[int(rng.integers(len(holds)))]
        if rng.random() < 0.25:
            hold = {
                "shoulder_flex": _u(rng, -40, 175),
                "shoulder_abd": _u(rng, -10, 130),
                "shoulder_rot": _u(rng, -70, 70),
                "elbow_flex": _u(rng, 0, 140),
            }
        for name in ("shoulder_flex", "shoulder_abd", "shoulder_rot", "elbow_flex"):
            spread = 12.0 if name != "shoulder_rot" else 20.0
            angles[f"{side}_{name}"] = hold.get(name, 0.0) + float(rng.normal(0, spread))
        angles[f"{side}_elbow_flex"] = float(np.clip(angles[f"{side}_elbow_flex"], 0, 145))
        angles[f"{side}_shoulder_abd"] = max(
            angles[f"{side}_shoulder_abd"], 3.0 if "shoulder_abd" not in hold else -25.0
        )
    return angles


def _both(name: str, value: float, rng: np.random.Generator, spread: float = 6.0) -> dict[str, float]:
    return {f"{side}_{name}": value + float(rng.normal(0, spread)) for side in "lr"}


def _standing(rng: np.random.Generator, build: Build) -> Pose:
    spread = _u(rng, 2, 22)
    angles = {**_arms(rng), **_both("hip_abd", spread, rng, 2), **_both("hip_flex", _u(rng, -3, 12), rng, 3)}
    for side in "lr":
        angles[f"{side}_knee_flex"] = max(0.0, 2 * angles[f"{side}_hip_flex"])
        angles[f"{side}_ankle_point"] = -angles[f"{side}_hip_flex"] if angles[f"{side}_hip_flex"] > 0 else 0.0
        angles[f"{side}_hip_rot"] = _u(rng, -15, 30)
    if rng.random() < 0.25:
        side = "lr"[int(rng.integers(2))]
        angles[f"{side}_hip_flex"] += _u(rng, -30, 60)
        angles[f"{side}_knee_flex"] += _u(rng, 0, 60)
        angles[f"{side}_hip_abd"] += _u(rng, 0, 25)
    return Pose(angles, pitch_deg=_u(rng, -6, 10), anchor=("l_ankle", "r_ankle"))


def _feet(rng: np.random.Generator, build: Build, stagger_m: float) -> dict[str, Pin]:
    unit = build.stature_m / 1.7
    half, step = _u(rng, 0.07, 0.38) * unit, float(rng.normal(0, stagger_m)) * unit
    heel = _u(rng, 0, 30) if rng.random() < 0.3 else 0.0
    swivel = _u(rng, -25, 25)
    return {
        name: Pin(sign * step, sign * half, 0.0, swivel_deg=swivel, yaw_deg=_u(rng, -10, 30), pitch_deg=heel)
        for name, sign in (("l_foot", 1.0), ("r_foot", -1.0))
    }


def _bent_forward(rng: np.random.Generator, build: Build) -> Pose:
    height = _hip_height(build)
    pitch = _u(rng, 35, 100)
    arms = _arms(rng)
    if pitch > 65:
        # Hands that hang to the feet belong to the physio pack: fold or lift these arms.
        for side in "lr":
            arms[f"{side}_elbow_flex"] = _u(rng, 70, 140)
    return Pose(
        {**arms, "spine_flex": _u(rng, -15, 25), "neck_flex": _u(rng, -40, 25)},
        pitch_deg=pitch,
        x_m=-_u(rng, 0.02, 0.22),
        z_m=height * _u(rng, 0.82, 0.99),
        pins=_feet(rng, build, 0.08),
    )


def _crouching(rng: np.random.Generator, build: Build) -> Pose:
    pitch = _u(rng, 0, 65)
    return Pose(
        {**_arms(rng), "spine_flex": _u(rng, -10, 30)},
        pitch_deg=pitch,
        x_m=-_u(rng, 0.0, 0.30),
        y_m=float(rng.normal(0, 0.05)),
        z_m=_hip_height(build) * _u(rng, 0.28, 0.78),
        pins=_feet(rng, build, 0.12),
    )


def _half_kneeling(rng: np.random.Generator, build: Build) -> Pose:
    front, back = ("l", "r") if rng.random() < 0.5 else ("r", "l")
    hip = _u(rng, 70, 105)
    tilt = _u(rng, -12, 18)
    angles = {
        **_arms(rng),
        f"{front}_hip_flex": hip + tilt,
        f"{front}_knee_flex": hip + _u(rng, -18, 18),
        f"{front}_hip_abd": _u(rng, 0, 15),
        f"{back}_hip_flex": tilt + _u(rng, -25, 10),
        f"{back}_knee_flex": _u(rng, 80, 100),
        f"{back}_ankle_point": _u(rng, -30, 60),
    }
    return Pose(angles, pitch_deg=tilt)


def _kneeling(rng: np.random.Generator, build: Build) -> Pose:
    tilt = _u(rng, -10, 25)
    angles = {**_arms(rng), **_both("hip_flex", tilt, rng, 3), **_both("knee_flex", 90, rng, 4)}
    return Pose({**angles, **_both("ankle_point", 60, rng), **_both("hip_abd", _u(rng, 2, 18), rng, 2)}, pitch_deg=tilt)


def _sitting_on_heels(rng: np.random.Generator, build: Build) -> Pose:
    tilt = _u(rng, -5, 60)
    angles = {**_arms(rng), **_both("hip_flex", 70 + tilt, rng, 4), **_both("knee_flex", 150, rng, 4)}
    return Pose({**angles, **_both("ankle_point", 65, rng), **_both("hip_abd", _u(rng, 2, 20), rng, 2)}, pitch_deg=tilt)


def _sitting(rng: np.random.Generator, build: Build) -> Pose:
    tilt = _u(rng, -30, 20)
    angles = {**_arms(rng), **_both("hip_abd", _u(rng, 2, 35), rng, 4)}
    bend = _u(rng, 0, 110)
    for side in "lr":
        own = bend if rng.random() < 0.7 else _u(rng, 0, 110)
        angles[f"{side}_hip_flex"] = 90 + tilt + own / 2
        angles[f"{side}_knee_flex"] = own
        angles[f"{side}_ankle_point"] = _u(rng, -10, 40)
    return Pose({**angles, "spine_flex": _u(rng, -10, 30)}, pitch_deg=tilt)


def _hands(rng: np.random.Generator, build: Build, x_m: float) -> dict[str, Pin]:
    half = _u(rng, 0.12, 0.38) * build.stature_m / 1.7
    return {
        name: Pin(
            x_m + float(rng.normal(0, 0.03)), sign * half, 0.0, swivel_deg=_u(rng, -20, 40), yaw_deg=_u(rng, -25, 20)
        )
        for name, sign in (("l_hand", 1.0), ("r_hand", -1.0))
    }


def _lifted_arms(rng: np.random.Generator, pitch_deg: float) -> dict[str, float]:
    """Return where an arm is once its hand leaves the floor: below the shoulder, a little bent."""
    return {**_both("shoulder_flex", pitch_deg, rng, 8), **_both("elbow_flex", _u(rng, 15, 50), rng, 4)}


def _hands_and_knees(rng: np.random.Generator, build: Build) -> Pose:
    pitch = _u(rng, 65, 98)
    angles = {**_both("hip_flex", pitch + _u(rng, -25, 15), rng, 4), **_both("knee_flex", 92, rng, 4)}
    angles.update(
        {**_both("ankle_point", _u(rng, 0, 60), rng), "spine_flex": _u(rng, -25, 30), "chest_flex": _u(rng, -20, 25)}
    )
    angles["neck_flex"] = _u(rng, -50, 25)
    angles.update({**_both("hip_abd", _u(rng, 0, 15), rng, 2), **_lifted_arms(rng, pitch)})
    return Pose(angles, pitch_deg=pitch, pins=_hands(rng, build, _u(rng, 0.40, 0.62) * build.stature_m / 1.7))


def _on_toes(rng: np.random.Generator, build: Build) -> dict[str, Pin]:
    half = _u(rng, 0.03, 0.25)
    back = -_u(rng, 0.82, 1.0) * _hip_height(build)
    return {
        name: Pin(back, sign * half, 0.0, yaw_deg=0.0, pitch_deg=_u(rng, 55, 80))
        for name, sign in (("l_foot", 1.0), ("r_foot", -1.0))
    }


def _hands_and_toes(rng: np.random.Generator, build: Build) -> Pose:
    unit = build.stature_m / 1.7
    # Hips clearly above or below the straight line, or knees bent: a straight body on its hands is barred.
    height = _u(rng, 0.62, 0.88) if rng.random() < 0.55 else _u(rng, 0.18, 0.34)
    pitch = 78 + (height - 0.48) * 95 + _u(rng, -8, 8)
    angles = {"spine_flex": _u(rng, -12, 20), "neck_flex": _u(rng, -40, 25), **_lifted_arms(rng, pitch)}
    pins = {**_hands(rng, build, _u(rng, 0.42, 0.58) * unit), **_on_toes(rng, build)}
    if height > 0.5:
        pins = {name: replace(pin, x_m=pin.x_m * _u(rng, 0.6, 0.95)) for name, pin in pins.items()}
    return Pose(angles, pitch_deg=pitch, z_m=height * unit, pins=pins)


def _forearms_and_toes(rng: np.random.Generator, build: Build) -> Pose:
    unit = build.stature_m / 1.7
    height = _u(rng, 0.50, 0.72) if rng.random() < 0.55 else _u(rng, 0.14, 0.20)
    angles = {**_both("shoulder_flex", 88 + (height - 0.3) * 60, rng, 8), **_both("elbow_flex", 92, rng, 8)}
    angles.update({"spine_flex": _u(rng, -12, 20), "neck_flex": _u(rng, -40, 25), **_both("shoulder_rot", 0, rng, 12)})
    pitch = 86 + (height - 0.28) * 80 + _u(rng, -6, 6)
    return Pose(angles, pitch_deg=pitch, z_m=height * unit, pins=_on_toes(rng, build))


def _propped_on_one_arm(rng: np.random.Generator, build: Build) -> Pose:
    low, top = ("r", "l") if rng.random() < 0.5 else ("l", "r")
    on_forearm = rng.random() < 0.5
    roll = _u(rng, 70, 82) if on_forearm else _u(rng, 52, 72)
    angles = _arms(rng)
    angles.update(
        {
            f"{low}_shoulder_flex": _u(rng, -8, 15),
            f"{low}_shoulder_abd": roll + _u(rng, -8, 8),
            f"{low}_shoulder_rot": 0.0,
        }
    )
    angles[f"{low}_elbow_flex"] = _u(rng, 80, 100) if on_forearm else _u(rng, 0, 12)
    knee = _u(rng, 45, 100)
    is_stacked = rng.random() < 0.5
    # Knees bent, or the upper leg away from the lower: two straight legs on one arm are barred.
    angles.update({f"{side}_knee_flex": knee if is_stacked else 5.0 for side in "lr"})
    angles.update({f"{side}_hip_flex": _u(rng, 10, 60) if is_stacked else 5.0 for side in "lr"})
    if not is_stacked:
        angles.update(
            {f"{top}_hip_flex": _u(rng, 25, 80), f"{top}_knee_flex": _u(rng, 20, 95), f"{top}_hip_abd": _u(rng, 5, 40)}
        )
    angles["spine_side"] = (1 if low == "l" else -1) * _u(rng, -20, 15)
    return Pose(angles, pitch_deg=0.0, roll_deg=roll if low == "r" else -roll)


def _lying_face_up(rng: np.random.Generator, build: Build) -> Pose:
    angles = {**_arms(rng), **_both("hip_abd", _u(rng, 0, 20), rng, 3)}
    shared = (_u(rng, -5, 60), _u(rng, 0, 110))
    for side in "lr":
        hip, knee = shared if rng.random() < 0.6 else (_u(rng, -5, 100), _u(rng, 0, 110))
        angles[f"{side}_hip_flex"], angles[f"{side}_knee_flex"] = hip, max(knee, 2 * hip - 120)
        angles[f"{side}_ankle_point"] = _u(rng, -10, 45)
    # Also hips off the floor, but held there while something else moves.
    pitch = -90 + (_u(rng, -38, 25) if rng.random() < 0.35 else _u(rng, -4, 6))
    return Pose({**angles, "neck_flex": _u(rng, -10, 30)}, pitch_deg=pitch)


def _lying_face_down(rng: np.random.Generator, build: Build) -> Pose:
    angles = {**_arms(rng), **_both("hip_abd", _u(rng, 0, 22), rng, 3), **_both("hip_flex", _u(rng, -18, 4), rng, 3)}
    angles.update({**_both("knee_flex", max(0.0, _u(rng, -40, 90)), rng, 4), **_both("ankle_point", 55, rng)})
    return Pose(
        {**angles, "spine_flex": _u(rng, -25, 5), "chest_flex": _u(rng, -22, 5), "neck_flex": _u(rng, -40, 10)},
        pitch_deg=90,
    )


def _lying_on_side(rng: np.random.Generator, build: Build) -> Pose:
    sign = float(rng.choice((-1.0, 1.0)))
    angles = {
        **_arms(rng),
        **_both("hip_flex", _u(rng, 0, 80), rng, 12),
        **_both("knee_flex", _u(rng, 0, 100), rng, 12),
    }
    return Pose({**angles, "spine_flex": _u(rng, -10, 25)}, roll_deg=sign * _u(rng, 82, 98))


_BASES: dict[str, Callable[[np.random.Generator, Build], Pose]] = {
    "standing": _standing,
    "bent forward": _bent_forward,
    "crouching": _crouching,
    "half kneeling": _half_kneeling,
    "kneeling": _kneeling,
    "sitting on the heels": _sitting_on_heels,
    "sitting on the floor": _sitting,
    "on hands and knees": _hands_and_knees,
    "on hands and toes": _hands_and_toes,
    "on forearms and toes": _forearms_and_toes,
    "propped on one arm": _propped_on_one_arm,
    "lying face up": _lying_face_up,
    "lying face down": _lying_face_down,
    "lying on the side": _lying_on_side,
}
_RAW_WEIGHTS = np.array(
    [1.6 if name == "standing" else 1.2 if name in ("lying face up", "crouching") else 1.0 for name in POSTURES]
)
_POSTURE_WEIGHTS = _RAW_WEIGHTS / _RAW_WEIGHTS.sum()


_WANDER_DEG = (
    ("spine_flex", 5),
    ("chest_flex", 5),
    ("spine_side", 5),
    ("chest_side", 4),
    ("spine_twist", 5),
    ("chest_twist", 5),
    ("neck_flex", 10),
    ("neck_twist", 14),
    ("neck_side", 6),
    ("l_wrist_flex", 12),
    ("r_wrist_flex", 12),
)


def _bodily_noise(pose: Pose, rng: np.random.Generator) -> Pose:
    """Let the spine and neck wander a little, so that no two bodies hold a posture alike."""
    added = {name: float(rng.normal(0, spread_deg)) for name, spread_deg in _WANDER_DEG}
    return replace(pose.plus(**added), yaw_deg=float(rng.normal(0, 6)))


def _break_plain_holds(pose: Pose, posture: str, rng: np.random.Generator) -> Pose:
    """Hold one arm away from its usual place in clips where nothing moves."""
    if posture in _HANDS_PINNED:
        return pose
    side = "lr"[int(rng.integers(2))]
    return pose.plus(**{f"{side}_shoulder_flex": _u(rng, 20, 60)}) if posture != "on forearms and toes" else pose
