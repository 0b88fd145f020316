"""Alternating single leg glutes bridge: lift the hips on one leg with the other stretched, then change legs."""

import math

from vidtune.packs.figure import Motion, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix, smooth_step
from vidtune.packs.physio.exercises import _stances as stance


def _program(body: Performance) -> Motion:
    dims = body.dims
    full, ankle_x = stance.bridge_lift_m(dims), stance.bridge_ankle_x_m(dims)
    foot_half = dims.hip_half * body.trait("feet", 1.0, 1.4)
    spread_deg = body.trait("arms", 8.0, 26.0)
    first = int(body.trait("first", 0.0, 2.0))

    def motion(time_s: float) -> Pose:
        cycle = body.cycle(time_s)
        side = "lr"[(math.floor(cycle) + first) % 2]
        sign = 1.0 if side == "l" else -1.0
        depth = body.depth(time_s)
        lift = depth * body.range_now(time_s, kept=0.18)
        bend, drop = body.fault("leg_not_straight", time_s), body.fault("asymmetric", time_s)
        line = stance.bridge_line(dims, full * lift)
        # The stretched leg leaves the floor early and lies in line with the other thigh at the top.
        out = smooth_step(depth / 0.45)
        rise_deg = mix(34.0, 30.0, lift)
        leg = 0.985 * (dims.thigh + dims.shank) * mix(1.0, 0.70, bend)
        stretched_x = line.pelvis_x_m + leg * math.cos(math.radians(rise_deg))
        stretched_z = line.pelvis_z_m + leg * math.sin(math.radians(rise_deg)) * mix(1.0, 0.75, bend)
        free_x, free_z = mix(ankle_x, stretched_x, out), mix(dims.ankle_height, stretched_z, out)
        other = "r" if side == "l" else "l"
        pins = {
            f"{side}_foot": stance.foot_at_ankle(
                dims, free_x, sign * foot_half, free_z, pitch_deg=mix(-62.0, 5.0, bend) * out
            ),
            f"{other}_foot": stance.foot_at_ankle(dims, ankle_x, -sign * foot_half, dims.ankle_height),
        }
        return Pose(
            angles=stance.bridge_arms(line.lift_deg, spread_deg) | {"spine_side": 11.0 * sign * drop * lift},
            pitch_deg=line.pitch_deg,
            roll_deg=-sign * 25.0 * drop * lift,
            x_m=line.pelvis_x_m,
            z_m=line.pelvis_z_m - 0.05 * drop * lift,
            pins=pins,
        )

    return motion


EXERCISE = Exercise(
    name="alternating_single_leg_glutes_bridge",
    title="alternating single leg glutes bridge",
    program=_program,
    views_deg=((45.0, 110.0),),
    elevation_deg=(4.0, 18.0),
    period_s=(1.3, 1.9),
    is_sided=False,
    faults={
        "incomplete_range": Fault(
            label="hips not high enough",
            from_depth=0.5,
            seen=(
                "Your hips are not high enough.",
                "You lift the leg but not your hips.",
                "Your hips stay close to the floor.",
            ),
            fix=("Push them up until your trunk and thigh are in line.", "Squeeze your glutes and lift higher."),
        ),
        "leg_not_straight": Fault(
            label="raised leg not straight",
            from_depth=0.5,
            seen=(
                "Your raised leg is bent.",
                "The lifted knee is not straight.",
                "You do not stretch the free leg.",
            ),
            fix=("Stretch it out in line with your thigh.", "Straighten the knee and point your toes up."),
        ),
        "asymmetric": Fault(
            label="hips not level",
            from_depth=0.5,
            views_deg=((-35.0, 35.0),),
            seen=(
                "Your hips are not level.",
                "Your hip drops on the side of the raised leg.",
                "Your pelvis tips to one side.",
            ),
            fix=(
                "Keep both hip bones at the same height.",
                "Press through the standing heel and hold your hips level.",
            ),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=(
                "You are changing legs too fast.",
                "Your repetitions are rushed.",
                "You swing the legs up too quickly.",
            ),
            fix=("Slow down and hold each leg at the top.", "Lift slowly and lower with control."),
        ),
    },
    praise=(
        "Great control, your hips stay level on one leg.",
        "Good height and the raised leg is straight. Keep going.",
        "You change legs smoothly and your hips stay up. Well done.",
        "Nice steady pace on both sides.",
    ),
)
