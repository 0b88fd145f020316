"""Glutes bridge: on the back with bent knees, lift the hips into line and lower them."""

from vidtune.packs.figure import Motion, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance


def _program(body: Performance) -> Motion:
    dims = body.dims
    full, ankle_x = stance.bridge_lift_m(dims), stance.bridge_ankle_x_m(dims)
    foot_half = dims.hip_half * body.trait("feet", 1.0, 1.6)
    spread_deg = body.trait("arms", 8.0, 26.0)

    def motion(time_s: float) -> Pose:
        lift = body.depth(time_s) * body.range_now(time_s, kept=0.25)
        cave, heels = body.fault("knee_valgus", time_s), body.fault("heels_lifting", time_s)
        tilt, arch = body.fault("asymmetric", time_s), body.fault("over_arching", time_s)
        line = stance.bridge_line(dims, full * lift * (1.0 + 0.28 * arch))
        pins = {
            f"{side}_foot": stance.foot_at_ankle(
                dims,
                ankle_x,
                sign * foot_half * (1.0 + 0.5 * cave),
                dims.ankle_height + 0.30 * dims.shank * heels,
                pitch_deg=48.0 * heels,
                swivel_deg=mix(2.0, -23.0, cave),
            )
            for side, sign in (("l", 1.0), ("r", -1.0))
        }
        arch_deg = -26.0 * arch * lift
        return Pose(
            angles=stance.bridge_arms(line.lift_deg, spread_deg)
            | {"spine_side": -11.0 * tilt * lift, "spine_flex": arch_deg, "chest_flex": -0.4 * arch_deg},
            pitch_deg=line.pitch_deg - 0.4 * arch_deg,
            roll_deg=24.0 * tilt * lift,
            x_m=line.pelvis_x_m,
            z_m=line.pelvis_z_m - 0.04 * tilt * lift,
            pins=pins,
        )

    return motion


EXERCISE = Exercise(
    name="glutes_bridge",
    title="glutes bridge",
    program=_program,
    views_deg=((50.0, 115.0),),
    elevation_deg=(4.0, 18.0),
    period_s=(1.5, 2.3),
    faults={
        "incomplete_range": Fault(
            label="hips not high enough",
            from_depth=0.5,
            seen=(
                "Your hips are not high enough.",
                "You are hardly lifting your hips.",
                "Your hips stop far below your knees.",
            ),
            fix=("Push them up until knees, hips and shoulders are in line.", "Squeeze your glutes and lift higher."),
        ),
        "knee_valgus": Fault(
            label="knees falling in",
            views_deg=((-35.0, 35.0),),
            seen=(
                "Your knees are falling in.",
                "Your knees press against each other.",
                "Both knees cave towards the middle.",
            ),
            fix=("Keep them hip-width apart.", "Push your knees out in line with your feet."),
        ),
        "heels_lifting": Fault(
            label="heels lifting off the floor",
            seen=(
                "Your heels come off the floor.",
                "You are pushing up on your toes.",
                "Your weight is on your toes.",
            ),
            fix=("Press through your heels.", "Keep both feet flat on the ground."),
        ),
        "asymmetric": Fault(
            label="hips not level",
            from_depth=0.5,
            views_deg=((-35.0, 35.0),),
            seen=(
                "Your hips are not level.",
                "One side of your hips drops.",
                "You lift one hip higher than the other.",
            ),
            fix=("Push evenly through both feet.", "Keep both hip bones at the same height."),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=("You are bridging too fast.", "Your bridges are rushed.", "You throw your hips up and down."),
            fix=("Slow down and hold at the top.", "Lift slowly and lower with control."),
        ),
    },
    praise=(
        "Great bridge, your hips are in line with knees and shoulders.",
        "Good height and your feet stay flat. Keep going.",
        "Your glutes are working and the pace is steady. Well done.",
        "Nice control on the way up and down.",
    ),
)
