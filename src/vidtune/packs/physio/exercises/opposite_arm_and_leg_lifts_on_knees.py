"""Opposite arm and leg lifts on knees: from all fours stretch one arm and the other leg, then change."""

import math

from vidtune.packs.figure import Motion, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix, smooth_step
from vidtune.packs.physio.exercises import _stances as stance


def _program(body: Performance) -> Motion:
    dims = body.dims
    first = int(body.trait("first", 0.0, 2.0))
    toes_deg = body.trait("toes", 70.0, 86.0)
    knees_abd = body.trait("knees", 0.0, 4.0)
    # Arms are a little shorter than thigh and knee: the trunk slopes down to the shoulders by this much.
    drop = stance.fours_height_m(dims) - 0.985 * (dims.upper_arm + dims.forearm) - 1.5 * dims.girth
    level_deg = 90.0 + math.degrees(math.asin(max(-0.4, min(0.4, drop / stance.trunk_length_m(dims)))))

    def motion(time_s: float) -> Pose:
        is_left_arm = (math.floor(body.cycle(time_s)) + first) % 2 == 0
        arm, leg = ("l", "r") if is_left_arm else ("r", "l")
        sign = 1.0 if is_left_arm else -1.0
        lift = body.depth(time_s) * body.range_now(time_s, kept=0.3)
        turn, sag = body.fault("hips_rotating", time_s), body.fault("back_arching", time_s)
        bend, nod = body.fault("leg_not_straight", time_s), body.fault("head_dropping", time_s)
        pitch = level_deg + 16.0 * sag * lift
        arch = -26.0 * sag * lift
        trunk = pitch + arch
        angles = {
            "spine_flex": arch,
            "neck_flex": mix(-22.0, 68.0, nod) + 0.3 * arch,
            "chest_side": -sign * 12.0 * turn * lift,
        }
        for side in "lr":
            angles |= {
                f"{side}_hip_flex": pitch,
                f"{side}_hip_abd": knees_abd,
                f"{side}_knee_flex": 90.0,
                f"{side}_ankle_point": toes_deg,
                f"{side}_shoulder_flex": trunk,
                f"{side}_wrist_flex": -82.0,
            }
        angles[f"{arm}_shoulder_flex"] = mix(trunk, trunk + 88.0, lift)
        angles[f"{arm}_wrist_flex"] = mix(-82.0, 0.0, smooth_step(2.0 * lift - 0.7))
        angles[f"{leg}_hip_flex"] = mix(pitch, pitch - 88.0 - 30.0 * sag, lift)
        angles[f"{leg}_knee_flex"] = mix(90.0, mix(4.0, 92.0, bend), lift)
        angles[f"{leg}_ankle_point"] = mix(toes_deg, 30.0, lift)
        angles[f"{leg}_hip_abd"] = knees_abd + 26.0 * turn * lift
        return Pose(
            angles=angles,
            pitch_deg=pitch,
            roll_deg=sign * 24.0 * turn * lift,
            x_m=body.sway("x", time_s, 0.005),
            z_m=stance.fours_height_m(dims),
        )

    return motion


EXERCISE = Exercise(
    name="opposite_arm_and_leg_lifts_on_knees",
    title="opposite arm and leg lifts on knees",
    program=_program,
    views_deg=((50.0, 125.0),),
    elevation_deg=(4.0, 18.0),
    period_s=(1.4, 2.1),
    is_sided=False,
    faults={
        "incomplete_range": Fault(
            label="arm and leg not high enough",
            from_depth=0.5,
            seen=(
                "Your arm and leg are not high enough.",
                "You hardly lift your arm and leg.",
                "Your arm and leg stay near the floor.",
            ),
            fix=(
                "Raise them until they are level with your back.",
                "Stretch long and lift them in line with your spine.",
            ),
        ),
        "leg_not_straight": Fault(
            label="raised leg bent",
            from_depth=0.5,
            seen=(
                "Your raised leg is bent.",
                "The knee of the lifted leg is not straight.",
                "You do not stretch the leg behind you.",
            ),
            fix=("Push your heel back and straighten the knee.", "Reach long through the leg."),
        ),
        "hips_rotating": Fault(
            label="hips rotating",
            from_depth=0.5,
            views_deg=((-45.0, 45.0),),
            seen=(
                "Your hips rotate as the leg lifts.",
                "Your hip opens up to the side.",
                "Your pelvis tips over to one side.",
            ),
            fix=("Keep both hip bones facing the floor.", "Hold your hips level and tighten your core."),
        ),
        "back_arching": Fault(
            label="lower back sagging",
            from_depth=0.5,
            seen=(
                "Your lower back sags as you lift.",
                "You lift the leg too high and arch your back.",
                "Your back is hollow.",
            ),
            fix=("Keep your back flat and your core tight.", "Lift the leg only to the height of your hips."),
        ),
        "head_dropping": Fault(
            label="head dropping",
            seen=(
                "Your head is dropping towards the floor.",
                "Your neck is bent and your chin is on your chest.",
                "You let your head hang down.",
            ),
            fix=("Keep your neck in line with your spine.", "Look at the floor just ahead of your hands."),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=(
                "You are switching sides too fast.",
                "Your lifts are rushed.",
                "You swing your arm and leg up too quickly.",
            ),
            fix=("Slow down and hold each lift.", "Lift slowly and pause at the top."),
        ),
    },
    praise=(
        "Great balance, your arm and leg are level with your back.",
        "Good form, your hips stay square to the floor.",
        "Your back is flat and the lifts are steady. Well done.",
        "Nice long reach through your arm and leg.",
    ),
)
