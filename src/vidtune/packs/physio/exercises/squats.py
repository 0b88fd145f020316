"""Squats: hips back and down over planted feet, and up again."""

from vidtune.packs.figure import Motion, Pin, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance


def _program(body: Performance) -> Motion:
    dims = body.dims
    half_width = dims.hip_half * body.trait("stance", 1.7, 2.4)
    toe_out = body.trait("toes", 8.0, 22.0)
    top, bottom = stance.standing_height_m(dims), dims.ankle_height + dims.shank * body.trait("depth", 0.86, 1.02)
    lean_deg = body.trait("lean", 26.0, 36.0)
    reaches = body.trait("arms", 0.0, 1.0) < 0.6

    def motion(time_s: float) -> Pose:
        depth = body.depth(time_s) * body.range_now(time_s)
        valgus, lean = body.fault("knee_valgus", time_s), body.fault("forward_lean", time_s)
        tiptoe, shift = body.fault("heels_lifting", time_s), body.fault("asymmetric", time_s)
        pitch = depth * mix(lean_deg, 72.0, lean)
        if reaches:
            arms = stance.both({"shoulder_flex": mix(8.0, 86.0 + 0.6 * pitch, depth), "shoulder_abd": 6.0})
        else:
            arms = stance.both(stance.HANDS_AT_CHEST)
        feet = {
            f"{side}_foot": Pin(
                dims.ball_length,
                sign * half_width * (1.0 + 0.25 * valgus),
                swivel_deg=mix(18.0, -28.0, valgus),
                yaw_deg=mix(toe_out, 2.0, valgus),
                pitch_deg=38.0 * tiptoe * depth,
            )
            for side, sign in (("l", 1.0), ("r", -1.0))
        }
        return Pose(
            angles=arms | {"neck_flex": -0.55 * pitch, "spine_flex": 10.0 * lean * depth},
            pitch_deg=pitch,
            roll_deg=13.0 * shift * depth,
            x_m=-depth * dims.thigh * (0.56 - 0.36 * tiptoe) + body.sway("x", time_s, 0.006),
            y_m=-0.34 * dims.thigh * shift * depth + body.sway("y", time_s, 0.006),
            z_m=mix(top, bottom, depth) + 0.03 * tiptoe * depth,
            pins=feet,
        )

    return motion


EXERCISE = Exercise(
    name="squats",
    title="squats",
    program=_program,
    views_deg=((15.0, 60.0),),
    is_sided=True,
    faults={
        "knee_valgus": Fault(
            label="knees caving in",
            from_depth=0.5,
            views_deg=((-35.0, 35.0),),
            seen=(
                "Your knees are caving in as you go down.",
                "Both knees collapse inwards at the bottom of the squat.",
                "Your knees fall towards each other.",
            ),
            fix=("Push them out over your toes.", "Keep your knees in line with your feet."),
        ),
        "forward_lean": Fault(
            label="leaning too far forward",
            from_depth=0.5,
            views_deg=((40.0, 90.0),),
            seen=(
                "You are leaning too far forward.",
                "Your chest drops towards the floor.",
                "Your upper body tips forward as you squat.",
            ),
            fix=("Keep your chest up and your back straight.", "Lift your chest and sit back into your heels."),
        ),
        "incomplete_range": Fault(
            label="not deep enough",
            from_depth=0.5,
            seen=(
                "You are not going low enough.",
                "Your squats are too shallow.",
                "You stop well before your thighs are level.",
            ),
            fix=("Sink your hips until your thighs are parallel to the floor.", "Bend your knees more and sit deeper."),
        ),
        "heels_lifting": Fault(
            label="heels lifting off the floor",
            from_depth=0.5,
            views_deg=((35.0, 90.0),),
            seen=(
                "Your heels come off the floor.",
                "You are rising onto your toes at the bottom.",
                "Your weight moves onto your toes and your heels lift.",
            ),
            fix=("Press your heels into the ground.", "Keep your whole foot flat on the floor."),
        ),
        "asymmetric": Fault(
            label="shifting to one side",
            from_depth=0.5,
            views_deg=((-30.0, 30.0), (150.0, 210.0)),
            seen=(
                "You are shifting your weight to one side.",
                "Your hips drift sideways as you squat.",
                "One leg is doing most of the work.",
            ),
            fix=("Spread your weight evenly over both feet.", "Keep your hips centred between your feet."),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=("You are squatting too fast.", "Your squats are rushed.", "You drop and bounce up too quickly."),
            fix=("Slow down and control the movement.", "Take two seconds down and two seconds up."),
        ),
    },
    praise=(
        "Great depth and your knees stay over your toes. Keep it up.",
        "Good squats, your chest is up and your heels stay down.",
        "Your form is correct. Keep this steady pace.",
        "Nice and controlled, with your weight on both feet.",
    ),
)
