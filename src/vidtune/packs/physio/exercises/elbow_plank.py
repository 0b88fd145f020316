"""Elbow plank: hold a straight body on forearms and toes."""

from vidtune.packs.figure import Motion, Pin, Pose
from vidtune.packs.physio._program import Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance

_FOOT_DEG = 72.0


def _always(body: Performance, time_s: float) -> float:
    return 1.0


def _program(body: Performance) -> Motion:
    dims = body.dims
    height = dims.upper_arm + 2.1 * dims.girth
    foot_half = dims.hip_half * body.trait("feet", 0.5, 1.2)
    inward_deg = body.trait("forearms", 0.0, 28.0)

    def motion(time_s: float) -> Pose:
        sag, pike = body.fault("hips_sagging", time_s), body.fault("hips_piking", time_s)
        nod, bend = body.fault("head_dropping", time_s), body.fault("knees_bent", time_s)
        ahead = body.fault("elbows_too_far_forward", time_s)
        hips_up = body.sway("hips", time_s, 0.018) + (pike * 0.64 - sag * 0.26) * dims.thigh
        chest = mix(height, 0.82 * height, ahead)
        line = stance.plank_line(dims, chest, hips_up_m=hips_up, foot_pitch_deg=_FOOT_DEG)
        pins = {
            f"{side}_foot": Pin(0.26 * dims.shank * bend, sign * foot_half, pitch_deg=mix(_FOOT_DEG, 80.0, bend))
            for side, sign in (("l", 1.0), ("r", -1.0))
        }
        pitch = line.trunk_pitch_deg + 5.0 * sag
        bent = -10.0 * sag
        # The upper arm hangs straight down (or slants forward) whatever the trunk does.
        arm = pitch + bent + 36.0 * ahead
        angles = stance.both({"shoulder_flex": arm, "shoulder_rot": -inward_deg, "elbow_flex": 90.0 - 36.0 * ahead})
        return Pose(
            angles=angles | {"neck_flex": mix(-24.0, 68.0, nod), "spine_flex": bent},
            pitch_deg=pitch,
            x_m=line.pelvis_x_m,
            z_m=line.pelvis_z_m,
            pins=pins,
        )

    return motion


EXERCISE = Exercise(
    name="elbow_plank",
    title="elbow plank",
    program=_program,
    depth=_always,
    views_deg=((45.0, 120.0),),
    elevation_deg=(4.0, 20.0),
    is_sided=False,
    faults={
        "hips_sagging": Fault(
            label="hips sagging",
            seen=(
                "Your hips are sagging towards the floor.",
                "Your lower back drops.",
                "Your hips hang below the line of your body.",
            ),
            fix=("Tighten your core and lift your hips in line.", "Squeeze your glutes and keep your body straight."),
        ),
        "hips_piking": Fault(
            label="hips too high",
            seen=(
                "Your hips are too high.",
                "Your bottom sticks up in the air.",
                "Your body makes a tent instead of a line.",
            ),
            fix=("Lower them until your body is straight.", "Bring your hips down in line with your shoulders."),
        ),
        "head_dropping": Fault(
            label="head dropping",
            seen=(
                "Your head is dropping towards the floor.",
                "Your neck is bent and your chin is on your chest.",
                "You let your head hang down.",
            ),
            fix=("Keep your neck in line with your spine.", "Look at the floor between your hands."),
        ),
        "knees_bent": Fault(
            label="knees on the floor",
            seen=(
                "Your knees are bent and touch the floor.",
                "You are resting on your knees.",
                "Your knees sink to the ground.",
            ),
            fix=("Straighten your legs and lift your knees.", "Hold the weight on your toes, with straight legs."),
        ),
        "elbows_too_far_forward": Fault(
            label="elbows too far forward",
            seen=(
                "Your elbows are too far in front of you.",
                "Your shoulders are behind your elbows.",
                "Your upper arms slant forward.",
            ),
            fix=("Stack your shoulders over your elbows.", "Bring your elbows back under your shoulders."),
        ),
    },
    praise=(
        "Great plank, your body is one straight line.",
        "Good form, your elbows are under your shoulders. Hold it.",
        "Your core is tight and your hips are level. Well done.",
        "Strong and steady on your forearms. Keep breathing.",
    ),
)
