"""Lunges with the leg out in front: step forward, drop the back knee, push back."""

import math

from vidtune.packs.figure import Motion, Pin, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix, rise_and_fall, smooth_step
from vidtune.packs.physio.exercises import _stances as stance


def _program(body: Performance) -> Motion:
    dims = body.dims
    step = body.trait("step", 1.62, 1.85) * dims.thigh
    half_width = dims.hip_half * body.trait("width", 1.1, 1.5)
    top, bottom = stance.standing_height_m(dims), dims.ankle_height + 0.80 * dims.shank
    upright_deg = body.trait("upright", 2.0, 9.0)
    hands = stance.HANDS_ON_HIPS if body.trait("arms", 0.0, 1.0) < 0.5 else stance.HANDS_AT_SIDES

    def motion(time_s: float) -> Pose:
        cycle = body.cycle(time_s) % 1.0
        # The foot is out for the middle two thirds of a repetition; the body sinks within that.
        out = smooth_step(min(cycle, 1.0 - cycle) / 0.22)
        sink = rise_and_fall((cycle - 0.12) / 0.76) if 0.12 < cycle < 0.88 else 0.0
        sink *= body.range_now(time_s, kept=0.22)
        valgus, lean = body.fault("knee_valgus", time_s), body.fault("forward_lean", time_s)
        overshoot, wobble = body.fault("knee_past_toes", time_s), body.fault("unstable", time_s)
        in_air = math.sin(math.pi * min(1.0, min(cycle, 1.0 - cycle) / 0.22))
        front_x = dims.ball_length + step * out * (1.0 - 0.34 * overshoot)
        tip = wobble * math.sin(2.0 * math.pi * 1.1 * time_s) * out
        pitch = upright_deg * sink + 58.0 * lean * sink + 8.0 * overshoot * sink
        feet = {
            "l_foot": Pin(
                front_x,
                half_width,
                0.09 * in_air,
                swivel_deg=mix(4.0, -36.0, valgus),
                yaw_deg=3.0,
                pitch_deg=26.0 * overshoot * sink,
            ),
            "r_foot": Pin(dims.ball_length, -half_width, yaw_deg=2.0, pitch_deg=mix(30.0 * out, 62.0, sink)),
        }
        sway_arms = {"l_shoulder_abd": 40.0 * abs(tip), "r_shoulder_abd": 40.0 * abs(tip)}
        arms = stance.both(hands)
        for name, value in sway_arms.items():
            arms[name] = arms.get(name, 0.0) + value
        return Pose(
            angles=arms | {"neck_flex": -0.5 * pitch, "spine_side": 12.0 * tip},
            pitch_deg=pitch,
            roll_deg=17.0 * tip,
            x_m=out * step * mix(0.47, 0.60, overshoot * sink) + 0.05 * lean * sink,
            y_m=body.sway("y", time_s, 0.008) - 0.10 * tip,
            z_m=mix(mix(top, 0.93 * top, out), bottom, sink),
            pins=feet,
        )

    return motion


EXERCISE = Exercise(
    name="lunges_leg_out_in_front",
    title="lunges leg out in front",
    program=_program,
    views_deg=((35.0, 90.0),),
    period_s=(1.8, 2.6),
    faults={
        "knee_valgus": Fault(
            label="front knee caving in",
            from_depth=0.5,
            views_deg=((-30.0, 30.0),),
            seen=(
                "Your front knee is caving in.",
                "The knee in front collapses inwards.",
                "Your front knee drifts towards the midline.",
            ),
            fix=("Push it out over your toes.", "Keep the knee in line with your foot."),
        ),
        "forward_lean": Fault(
            label="leaning too far forward",
            from_depth=0.5,
            seen=(
                "Your upper body leans too far forward.",
                "Your chest falls towards your front thigh.",
                "You are bending forward at the hips.",
            ),
            fix=("Stay upright and brace your core.", "Keep your chest up and your shoulders over your hips."),
        ),
        "incomplete_range": Fault(
            label="not deep enough",
            from_depth=0.5,
            seen=(
                "You are not dropping low enough.",
                "Your lunges are too shallow.",
                "Your back knee stays far from the floor.",
            ),
            fix=("Lower your back knee until it almost touches the ground.", "Bend both knees to ninety degrees."),
        ),
        "knee_past_toes": Fault(
            label="front knee past the toes",
            from_depth=0.5,
            views_deg=((55.0, 100.0),),
            seen=(
                "Your front knee travels past your toes.",
                "Your step is too short and the knee moves past your toes.",
                "Your front heel lifts and your knee goes too far forward.",
            ),
            fix=("Take a longer step and keep your shin upright.", "Keep the knee above the ankle."),
        ),
        "unstable": Fault(
            label="losing balance",
            from_depth=0.2,
            views_deg=((-35.0, 35.0),),
            seen=(
                "You are losing your balance from side to side.",
                "Your body wobbles sideways.",
                "Your trunk tips to the side as you lunge.",
            ),
            fix=("Place your feet wider and tighten your core.", "Look straight ahead and keep your hips level."),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=("You are lunging too fast.", "Your lunges are rushed.", "You hurry through every step."),
            fix=("Slow down and control each step.", "Pause at the bottom before you push back."),
        ),
    },
    praise=(
        "Great lunges, your front knee stays above your ankle.",
        "Good form, your chest is up and the step is long.",
        "Your lunges are deep and well balanced. Keep going.",
        "Nice control on the way down and back.",
    ),
)
