"""Toe touch: bend forward over straight legs and hold the hands at the toes."""

import math

from vidtune.packs.figure import Motion, Pin, Pose
from vidtune.packs.physio._program import Exercise, Fault, Performance, mix, smooth_step
from vidtune.packs.physio.exercises import _stances as stance


def _hold(body: Performance, time_s: float) -> float:
    """Go down once, early in the clip, and stay there."""
    goes_down_s = body.trait("descent", -0.4, 0.7)
    return mix(body.trait("from", 0.0, 0.35), 1.0, smooth_step((time_s - goes_down_s) / 0.8))


def _program(body: Performance) -> Motion:
    dims = body.dims
    half_width = dims.hip_half * body.trait("stance", 0.7, 1.5)
    feet = stance.planted_feet(dims, half_width, toe_out_deg=body.trait("toes", 0.0, 10.0))
    top = stance.standing_height_m(dims)
    fold_deg = body.trait("fold", 96.0, 106.0)

    def motion(time_s: float) -> Pose:
        depth = _hold(body, time_s) * body.range_now(time_s, kept=0.42)
        bend, crane = body.fault("knees_bent", time_s), body.fault("head_up", time_s)
        one_sided, bounce = body.fault("asymmetric", time_s), body.fault("bouncing", time_s)
        depth *= 1.0 - 0.38 * bounce * (0.5 - 0.5 * math.cos(2.0 * math.pi * 1.45 * time_s))
        depth += body.sway("depth", time_s, 0.02)
        pitch = (fold_deg - 12.0 * crane) * depth
        round_deg = mix(13.0, -3.0, crane) * depth
        hips_x = -0.26 * dims.thigh * depth + body.sway("x", time_s, 0.006)
        hips_z = top - 0.06 * dims.thigh * depth - 0.42 * dims.thigh * bend * max(depth, 0.3)
        shoulders = stance.trunk_top(dims, pitch, round_deg, round_deg)
        # Hanging hands point to the floor whatever the trunk does, and rest on it when the arms are long enough.
        hang_m = 0.985 * (dims.upper_arm + dims.forearm)
        wrist_z = max(0.92 * dims.hand, hips_z + shoulders.z_m - hang_m)
        wrist_x = hips_x + shoulders.x_m + 0.04 * depth
        hands = {
            f"{side}_hand": Pin(wrist_x, sign * mix(1.0, 0.8, depth) * dims.shoulder_half, wrist_z, is_flat=False)
            for side, sign in (("l", 1.0), ("r", -1.0))
        }
        angles = {
            "spine_flex": round_deg,
            "chest_flex": round_deg,
            "neck_flex": mix(12.0 * depth, -78.0 * depth, crane),
        }
        if one_sided:
            del hands["l_hand"]
            angles |= {
                "chest_twist": 42.0 * one_sided * depth,
                "spine_twist": 18.0 * one_sided * depth,
                "l_shoulder_flex": mix(shoulders.pitch_deg, 20.0, one_sided),
                "l_shoulder_abd": 80.0 * one_sided * depth,
            }
        return Pose(angles=angles, pitch_deg=pitch, x_m=hips_x, z_m=hips_z, pins=feet | hands)

    return motion


EXERCISE = Exercise(
    name="toe_touch",
    title="toe touch",
    program=_program,
    depth=_hold,
    views_deg=((50.0, 110.0),),
    faults={
        "incomplete_range": Fault(
            label="not reaching low enough",
            from_depth=0.5,
            seen=(
                "Your hands stay far from your toes.",
                "You are not reaching low enough.",
                "You only bend half way.",
            ),
            fix=("Hinge further at the hips and reach for your feet.", "Let your hands sink towards your toes."),
        ),
        "knees_bent": Fault(
            label="bending the knees",
            from_depth=0.4,
            seen=(
                "Your knees are bent.",
                "You are bending your knees to get down.",
                "Your legs do not stay straight.",
            ),
            fix=("Straighten your legs and fold from the hips.", "Keep your knees straight to stretch the hamstrings."),
        ),
        "head_up": Fault(
            label="looking up",
            from_depth=0.4,
            seen=(
                "You are looking up and straining your neck.",
                "Your head is lifted while you reach down.",
                "Your neck is bent backwards.",
            ),
            fix=("Relax your neck and let your head hang.", "Tuck your chin and look at your legs."),
        ),
        "asymmetric": Fault(
            label="reaching with one arm only",
            from_depth=0.4,
            seen=(
                "You are reaching with one arm only.",
                "Your shoulders are twisted to one side.",
                "One hand stays up while the other reaches down.",
            ),
            fix=("Square your shoulders and reach with both hands.", "Bring both hands down evenly."),
        ),
        "bouncing": Fault(
            label="bouncing",
            from_depth=0.4,
            seen=(
                "You are bouncing in the stretch.",
                "You keep bobbing up and down.",
                "You are jerking towards your toes.",
            ),
            fix=("Hold still at the lowest point.", "Breathe out and stay in a steady stretch."),
        ),
    },
    praise=(
        "Great stretch, your hands reach your toes with straight legs.",
        "Good toe touch, you fold from the hips and hold it.",
        "You are holding the stretch well. Keep breathing.",
        "Your legs are straight and your neck is relaxed. Well done.",
    ),
)
