"""Tricep stretch: one hand down behind the head, the other draws the elbow in."""

import math

from vidtune.packs.figure import Dimensions, Motion, Pin, Pose
from vidtune.packs.physio._program import Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance

_SHRUG_DEG = 14.0


def _always(body: Performance, time_s: float) -> float:
    return 1.0


def _program(body: Performance) -> Motion:
    dims = body.dims
    half_width = dims.hip_half * body.trait("stance", 1.0, 2.0)
    feet = stance.planted_feet(dims, half_width, toe_out_deg=body.trait("toes", 4.0, 16.0))
    height = stance.standing_height_m(dims) - 0.01
    raised_deg, bent_deg = body.trait("raised", 166.0, 176.0), body.trait("bent", 132.0, 146.0)

    def motion(time_s: float) -> Pose:
        low, flare = body.fault("incomplete_range", time_s), body.fault("elbow_flaring", time_s)
        drop, tip, arch = (body.fault(name, time_s) for name in ("head_dropping", "side_lean", "back_arching"))
        raise_deg = mix(raised_deg + body.sway("arm", time_s, 3.0), 68.0, low)
        out_deg = mix(-6.0, 62.0, flare)
        side_deg = 17.0 * tip + body.sway("side", time_s, 1.0)
        pitch = -8.0 * arch + body.sway("pitch", time_s, 1.0)
        arch_deg = 13.0 * drop - 16.0 * arch
        elbow = _elbow(dims, raise_deg, out_deg, pitch, arch_deg, side_deg)
        hips_x = body.sway("x", time_s, 0.006) + 0.05 * arch
        grip = Pin(hips_x + elbow[0], elbow[1], height + elbow[2] - 3.2 * dims.girth, swivel_deg=30.0, is_flat=False)
        return Pose(
            angles={
                "l_shoulder_flex": raise_deg,
                "l_shoulder_abd": out_deg,
                "l_shoulder_rot": mix(46.0, 0.0, max(low, flare)),
                "l_elbow_flex": mix(bent_deg, 122.0, low),
                "l_shrug": _SHRUG_DEG,
                "spine_side": side_deg,
                "chest_side": side_deg,
                "neck_flex": mix(0.0, 66.0, drop) - 14.0 * arch,
                "neck_side": -0.5 * side_deg,
                "spine_flex": arch_deg,
                "chest_flex": arch_deg,
            },
            pitch_deg=pitch,
            x_m=hips_x,
            z_m=height,
            pins=feet | {"r_hand": grip},
        )

    return motion


def _elbow(
    dims: Dimensions, raise_deg: float, out_deg: float, pitch_deg: float, arch_deg: float, side_deg: float
) -> tuple[float, float, float]:
    """Return where the raised left elbow is, relative to the pelvis."""
    rise, out, shrug = (math.radians(angle) for angle in (raise_deg, out_deg, _SHRUG_DEG))
    along = dims.shoulder_half * math.cos(shrug) + dims.upper_arm * math.sin(out)
    ahead = dims.upper_arm * math.cos(out) * math.sin(rise)
    up = dims.shoulder_half * math.sin(shrug) - dims.upper_arm * math.cos(out) * math.cos(rise)
    top = stance.trunk_top(dims, pitch_deg, arch_deg, arch_deg)
    tilt, lean = math.radians(top.pitch_deg), math.radians(2.0 * side_deg)
    # The trunk bends sideways along its length; its top is displaced by about half of its lean.
    shift = -stance.trunk_length_m(dims) * math.sin(0.6 * lean)
    y_m = shift + along * math.cos(lean) - up * math.sin(lean)
    up = along * math.sin(lean) + up * math.cos(lean)
    return (
        top.x_m + ahead * math.cos(tilt) + up * math.sin(tilt),
        y_m,
        top.z_m + up * math.cos(tilt) - ahead * math.sin(tilt),
    )


EXERCISE = Exercise(
    name="tricep_stretch",
    title="tricep stretch",
    program=_program,
    depth=_always,
    views_deg=((-45.0, 45.0), (150.0, 210.0)),
    elevation_deg=(0.0, 12.0),
    faults={
        "incomplete_range": Fault(
            label="elbow not raised",
            views_deg=((40.0, 90.0),),
            seen=(
                "Your elbow is not raised high enough.",
                "Your elbow points forward instead of up.",
                "The stretched arm is too low.",
            ),
            fix=(
                "Lift it beside your ear and drop the hand behind your head.",
                "Raise your elbow towards the ceiling.",
            ),
        ),
        "elbow_flaring": Fault(
            label="elbow flaring out",
            views_deg=((-30.0, 30.0), (155.0, 205.0)),
            seen=(
                "Your elbow is flaring out to the side.",
                "Your elbow drifts away from your head.",
                "The raised elbow points sideways.",
            ),
            fix=("Draw it in towards your head.", "Pull the elbow in with your other hand."),
        ),
        "head_dropping": Fault(
            label="head dropping forward",
            views_deg=((30.0, 85.0),),
            seen=(
                "Your head is dropping forward.",
                "Your chin is down on your chest.",
                "You hunch over and look at the floor.",
            ),
            fix=("Keep your head up and look straight ahead.", "Lift your chin and lengthen your neck."),
        ),
        "side_lean": Fault(
            label="leaning to the side",
            views_deg=((-30.0, 30.0), (155.0, 205.0)),
            seen=(
                "You are leaning to the side.",
                "Your trunk bends sideways.",
                "Your upper body tips over to one side.",
            ),
            fix=("Stand tall and keep your ribs over your hips.", "Straighten up and stretch only the arm."),
        ),
        "back_arching": Fault(
            label="arching the back",
            views_deg=((50.0, 110.0),),
            seen=(
                "You are arching your back.",
                "Your upper body leans backwards.",
                "Your lower back is overextended.",
            ),
            fix=("Tighten your stomach and stand straight.", "Pull your ribs down and stay upright."),
        ),
    },
    praise=(
        "Great stretch, your elbow points straight up. Hold it.",
        "Good form, you stand tall and draw the elbow in.",
        "You are holding the stretch well. Keep breathing.",
        "Your arm is in the right place and your back is straight.",
    ),
)
