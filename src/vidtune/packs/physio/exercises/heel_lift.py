"""Heel lift: rise onto the toes with straight legs, and lower."""

import math

from vidtune.packs.figure import Motion, Pin, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance

_FULL_DEG = 56.0


def _program(body: Performance) -> Motion:
    dims = body.dims
    half_width = dims.hip_half * body.trait("stance", 0.9, 1.5)
    toe_out = body.trait("toes", 4.0, 16.0)
    style = body.trait("arms", 0.0, 1.0)
    hands = stance.HANDS_ON_HIPS if style < 0.6 else stance.HANDS_AT_SIDES
    leg = stance.standing_height_m(dims)

    def motion(time_s: float) -> Pose:
        lift = body.depth(time_s) * body.range_now(time_s, kept=0.2)
        lean, bend = body.fault("forward_lean", time_s), body.fault("knees_bent", time_s)
        one_sided = body.fault("asymmetric", time_s)
        lifts = {"l": lift, "r": lift * (1.0 - one_sided)}
        feet = {}
        rises = []
        for side, sign in (("l", 1.0), ("r", -1.0)):
            pitch = _FULL_DEG * lifts[side]
            feet[f"{side}_foot"] = Pin(dims.ball_length, sign * half_width, yaw_deg=toe_out, pitch_deg=pitch)
            rises.append(_ankle_rise_m(dims.ball_length, dims.ankle_height, pitch))
        forward = dims.ball_length * 0.9 * max(lifts.values())
        return Pose(
            angles=stance.both(hands) | {"neck_flex": -16.0 * lean, "spine_flex": 8.0 * lean},
            pitch_deg=mix(body.sway("pitch", time_s, 1.5), 36.0, lean * max(lift, 0.35)),
            roll_deg=12.0 * one_sided * lift,
            x_m=forward - 0.12 * lean * dims.thigh + body.sway("x", time_s, 0.005),
            y_m=0.0,
            z_m=leg + 0.5 * sum(rises) * (1.0 - 0.25 * one_sided) - bend * max(lift, 0.3) * 0.46 * dims.thigh,
            pins=feet,
        )

    return motion


def _ankle_rise_m(ball_m: float, ankle_m: float, pitch_deg: float) -> float:
    pitch = math.radians(pitch_deg)
    return ball_m * math.sin(pitch) + ankle_m * (math.cos(pitch) - 1.0)


EXERCISE = Exercise(
    name="heel_lift",
    title="heel lift",
    program=_program,
    views_deg=((40.0, 100.0),),
    elevation_deg=(2.0, 12.0),
    period_s=(1.4, 2.0),
    faults={
        "incomplete_range": Fault(
            label="heels not high enough",
            from_depth=0.5,
            seen=(
                "Your heels hardly leave the floor.",
                "You are not lifting your heels high enough.",
                "You stop long before you are up on your toes.",
            ),
            fix=(
                "Rise all the way onto the balls of your feet.",
                "Push up as high as you can and squeeze your calves.",
            ),
        ),
        "forward_lean": Fault(
            label="leaning forward",
            from_depth=0.3,
            seen=(
                "You are bending forward at the hips.",
                "Your upper body leans forward as you rise.",
                "Your chest tips forward.",
            ),
            fix=("Stand tall and rise straight up.", "Keep your shoulders over your hips."),
        ),
        "knees_bent": Fault(
            label="bending the knees",
            from_depth=0.3,
            seen=(
                "Your knees bend as your heels lift.",
                "You are pushing up with bent knees.",
                "Your legs do not stay straight.",
            ),
            fix=(
                "Keep your knees straight and lift from the ankles.",
                "Straighten your legs and use only your calves.",
            ),
        ),
        "asymmetric": Fault(
            label="lifting one heel only",
            from_depth=0.4,
            seen=(
                "Only one of your heels is lifting.",
                "One heel stays on the floor.",
                "You are rising on one foot only.",
            ),
            fix=("Lift both heels evenly.", "Share the weight and raise both feet together."),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=(
                "You are lifting your heels too fast.",
                "You are bouncing up and down.",
                "Your heel lifts are rushed.",
            ),
            fix=("Slow down and pause at the top.", "Rise slowly and lower with control."),
        ),
    },
    praise=(
        "Great height on your toes and your body stays tall.",
        "Good heel lifts, both heels rise evenly.",
        "Your legs stay straight and the pace is steady. Well done.",
        "Nice control on the way up and down.",
    ),
)
