"""Glute hamstring walkout: from a bridge, walk the feet out until the legs are long, and back in."""

import math

from vidtune.packs.figure import Motion, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix, smooth_step
from vidtune.packs.physio.exercises import _stances as stance

_NUM_STEPS = 4


def _program(body: Performance) -> Motion:
    dims = body.dims
    near_x = stance.bridge_ankle_x_m(dims) - 0.04
    full = stance.bridge_lift_m(dims)
    foot_half = dims.hip_half * body.trait("feet", 1.0, 1.5)
    spread_deg = body.trait("arms", 8.0, 26.0)
    travel = body.trait("travel", 0.92, 1.05) * dims.thigh

    def motion(time_s: float) -> Pose:
        sag, lazy = body.fault("hips_sagging", time_s), body.fault("one_leg_only", time_s)
        walked = travel * body.range_now(time_s, kept=0.22)
        steps = 2.0 * _NUM_STEPS * (body.cycle(time_s) % 1.0)
        # Out on the first half of the cycle, back on the second; left and right move in turn.
        place = steps if steps <= _NUM_STEPS else 2.0 * _NUM_STEPS - steps
        whole = min(math.floor(place), _NUM_STEPS - 1)
        share = place - whole
        pins, reaches = {}, []
        for index, (side, sign) in enumerate((("l", 1.0), ("r", -1.0))):
            is_moving = whole % 2 == index
            done = (whole + (1 - index)) // 2 * 2.0 / _NUM_STEPS
            reach = min(1.0, done + (smooth_step(share) * 2.0 / _NUM_STEPS if is_moving else 0.0))
            if side == "r":
                reach *= 1.0 - lazy
            rise = (
                0.20 * dims.shank * math.sin(math.pi * share) if is_moving and not (side == "r" and lazy > 0.5) else 0.0
            )
            reaches.append(reach)
            pins[f"{side}_foot"] = stance.foot_at_ankle(
                dims,
                near_x + walked * reach,
                sign * foot_half,
                dims.ankle_height + rise,
                pitch_deg=mix(0.0, -38.0, reach * walked / travel),
            )
        mean = sum(reaches) / 2.0 * walked / travel
        line = stance.bridge_line(dims, full * mix(0.92, 0.50, mean) * (1.0 - 0.88 * sag))
        return Pose(
            angles=stance.bridge_arms(line.lift_deg, spread_deg),
            pitch_deg=line.pitch_deg,
            x_m=line.pelvis_x_m,
            z_m=line.pelvis_z_m + body.sway("hips", time_s, 0.008),
            pins=pins,
        )

    return motion


EXERCISE = Exercise(
    name="glute_hamstring_walkout",
    title="glute hamstring walkout",
    program=_program,
    views_deg=((55.0, 120.0),),
    elevation_deg=(5.0, 20.0),
    period_s=(3.2, 4.2),
    fast_period_s=(1.1, 1.5),
    is_sided=True,
    faults={
        "hips_sagging": Fault(
            label="hips dropping",
            seen=(
                "Your hips drop to the floor as you walk out.",
                "You are not keeping your hips up.",
                "Your bottom sinks to the ground.",
            ),
            fix=("Squeeze your glutes and hold your hips up.", "Keep the bridge high while your feet move."),
        ),
        "incomplete_range": Fault(
            label="not walking out far enough",
            seen=(
                "You are not walking your feet out far enough.",
                "Your steps stay close to your hips.",
                "Your feet hardly move away.",
            ),
            fix=("Walk out until your legs are almost straight.", "Take more steps and stretch your legs."),
        ),
        "one_leg_only": Fault(
            label="walking with one leg only",
            seen=(
                "Only one of your feet is walking out.",
                "One foot stays behind.",
                "You move one leg and not the other.",
            ),
            fix=("Step evenly with both feet.", "Bring the other foot along with every step."),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=("You are walking out too fast.", "Your steps are rushed.", "You hurry out and back."),
            fix=("Take slow, small steps.", "Slow down and control every step."),
        ),
    },
    praise=(
        "Great walkout, your hips stay up all the way.",
        "Good control, your legs are almost straight at the end.",
        "Your steps are small and steady. Well done.",
        "Nice strong bridge while your feet move.",
    ),
)
