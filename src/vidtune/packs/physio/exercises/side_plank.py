"""Side plank: hold the body sideways on one forearm and the edge of the feet."""

import math

import numpy as np

from vidtune.packs.figure import Motion, Pose
from vidtune.packs.physio._program import Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance


def _always(body: Performance, time_s: float) -> float:
    return 1.0


def _program(body: Performance) -> Motion:
    """Lie on the right side: head towards -y, chest towards +x."""
    dims = body.dims
    trunk, leg = stance.trunk_length_m(dims), dims.thigh + dims.shank
    top_arm = body.trait("top_arm", 0.0, 1.0)
    # Legs lie on each other: the line of the body runs between them.
    ankle_z = 2.4 * dims.girth + 0.7 * dims.hip_half

    def motion(time_s: float) -> Pose:
        sag, high = body.fault("hips_sagging", time_s), body.fault("hips_too_high", time_s)
        rolled, nod = body.fault("rolling_forward", time_s), body.fault("head_dropping", time_s)
        bend = body.fault("knees_bent", time_s)
        slope = math.asin(min(0.9, (dims.upper_arm + 0.9 * dims.shoulder_half - ankle_z) / (leg + trunk)))
        chest_z = dims.upper_arm + 2.1 * dims.girth + dims.shoulder_half * math.cos(slope)
        straight = ankle_z + (chest_z - ankle_z) * leg / (leg + trunk)
        pelvis_z = straight + body.sway("hips", time_s, 0.012) + (high * 0.58 - sag * 0.42) * dims.thigh
        pelvis_z = max(pelvis_z, dims.hip_half + 3.6 * dims.girth)
        reach = mix(leg, 0.72 * leg, bend)
        leg_slope = math.degrees(math.asin(max(-0.6, min(0.7, (pelvis_z - ankle_z) / reach))))
        trunk_slope = math.degrees(math.asin(max(-0.6, min(0.8, (chest_z - pelvis_z) / trunk))))
        pelvis_roll = 90.0 - 0.5 * (leg_slope + trunk_slope)
        chest_roll = 90.0 - trunk_slope
        legs_out = pelvis_roll - (90.0 - leg_slope)
        angles = {
            "spine_side": 0.5 * (chest_roll - pelvis_roll),
            "chest_side": 0.5 * (chest_roll - pelvis_roll),
            "chest_twist": -44.0 * rolled,
            "spine_twist": -22.0 * rolled,
            "neck_side": mix(-0.2 * (90.0 - chest_roll), 62.0, nod),
            "r_hip_abd": legs_out + 2.0,
            "l_hip_abd": -legs_out - 5.0,
            "r_elbow_flex": 90.0,
        }
        angles |= _supporting_arm(chest_roll, -66.0 * rolled)
        angles |= stance.both({"hip_flex": 40.0 * bend, "knee_flex": 86.0 * bend})
        free_arm = {"shoulder_abd": 180.0 - chest_roll} if top_arm < 0.6 else stance.HANDS_ON_HIPS
        angles |= {f"l_{name}": value * (1.0 - rolled) for name, value in free_arm.items()}
        angles["l_shoulder_flex"] = angles.get("l_shoulder_flex", 0.0) + 84.0 * rolled
        return Pose(
            angles=angles,
            roll_deg=pelvis_roll,
            y_m=-leg * 0.6,
            x_m=body.sway("x", time_s, 0.006),
        )

    return motion


def _supporting_arm(chest_roll_deg: float, twist_deg: float) -> dict[str, float]:
    """Return the right shoulder's angles that keep the upper arm upright and the forearm pointing forward."""
    roll, twist = math.radians(chest_roll_deg), math.radians(twist_deg)
    down = np.array([-math.sin(twist) * math.sin(roll), -math.cos(twist) * math.sin(roll), -math.cos(roll)])
    ahead = np.array([math.cos(twist), -math.sin(twist), 0.0])
    flex = math.atan2(down[0], -down[2])
    elbow_opens = np.array([math.cos(flex), 0.0, math.sin(flex)])
    turn = math.atan2(float(down @ np.cross(elbow_opens, ahead)), float(elbow_opens @ ahead))
    return {
        "r_shoulder_flex": math.degrees(flex),
        "r_shoulder_abd": math.degrees(math.asin(-down[1])),
        "r_shoulder_rot": math.degrees(turn),
    }


EXERCISE = Exercise(
    name="side_plank",
    title="side plank",
    program=_program,
    depth=_always,
    views_deg=((-40.0, 40.0), (150.0, 210.0)),
    elevation_deg=(4.0, 18.0),
    faults={
        "hips_sagging": Fault(
            label="hips sagging",
            seen=(
                "Your hips are sagging towards the floor.",
                "Your hips drop and your side bends.",
                "Your hip hangs close to the ground.",
            ),
            fix=("Lift your hips until your body is straight.", "Push the floor away and raise your hips."),
        ),
        "hips_too_high": Fault(
            label="hips too high",
            seen=(
                "Your hips are pushed up too high.",
                "Your body bends upwards at the hips.",
                "Your hips are above the line of your body.",
            ),
            fix=("Lower them into line with shoulders and feet.", "Bring your hips down a little and stay straight."),
        ),
        "rolling_forward": Fault(
            label="rolling forward",
            views_deg=((-35.0, 35.0),),
            seen=(
                "Your upper body rolls forward.",
                "Your chest turns towards the floor.",
                "Your top shoulder falls to the front.",
            ),
            fix=("Open your chest and stack your shoulders.", "Turn your chest to the side and keep it there."),
        ),
        "head_dropping": Fault(
            label="head dropping",
            seen=(
                "Your head hangs down towards the floor.",
                "Your neck is bent sideways.",
                "You let your head drop.",
            ),
            fix=("Keep your head in line with your spine.", "Lift your head and lengthen your neck."),
        ),
        "knees_bent": Fault(
            label="bending the knees",
            seen=(
                "Your knees are bent.",
                "You are resting on your knees.",
                "Your legs are not straight.",
            ),
            fix=("Straighten your legs and stack your feet.", "Push through your feet with straight legs."),
        ),
    },
    praise=(
        "Great side plank, your body is one straight line.",
        "Good form, your elbow is under your shoulder. Hold it.",
        "Your hips are high and your chest is open. Well done.",
        "Strong and steady. Keep breathing.",
    ),
)
