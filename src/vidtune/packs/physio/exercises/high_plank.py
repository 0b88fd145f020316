"""High plank: hold a straight body on hands and toes."""

from vidtune.packs.figure import Motion, Pin, Pose
from vidtune.packs.physio._program import Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance

_FOOT_DEG = 72.0


def _always(body: Performance, time_s: float) -> float:
    return 1.0


def _program(body: Performance) -> Motion:
    dims = body.dims
    high = 0.97 * (dims.upper_arm + dims.forearm) + 1.5 * dims.girth
    start = stance.plank_line(dims, high, foot_pitch_deg=_FOOT_DEG)
    hand_half = dims.shoulder_half * body.trait("hands", 0.95, 1.25)
    foot_half = dims.hip_half * body.trait("feet", 0.5, 1.2)

    def motion(time_s: float) -> Pose:
        sag, pike = body.fault("hips_sagging", time_s), body.fault("hips_piking", time_s)
        nod, ahead = body.fault("head_dropping", time_s), body.fault("hands_too_far_forward", time_s)
        bend = body.fault("knees_bent", time_s)
        hips_up = body.sway("hips", time_s, 0.02) + (pike * 0.66 - sag * 0.36) * dims.thigh
        chest = high - ahead * 0.30 * dims.forearm + body.sway("chest", time_s, 0.008)
        line = stance.plank_line(dims, chest, hips_up_m=hips_up, foot_pitch_deg=_FOOT_DEG)
        pins = {}
        for side, sign in (("l", 1.0), ("r", -1.0)):
            pins[f"{side}_foot"] = Pin(0.34 * dims.thigh * bend, sign * foot_half, pitch_deg=_FOOT_DEG)
            reach = start.chest_x_m + ahead * 0.95 * dims.forearm
            pins[f"{side}_hand"] = Pin(reach, sign * hand_half, swivel_deg=4.0)
        return Pose(
            angles={"neck_flex": mix(-22.0, 74.0, nod), "spine_flex": -14.0 * sag, "chest_flex": 6.0 * sag},
            pitch_deg=line.trunk_pitch_deg + 8.0 * sag,
            x_m=line.pelvis_x_m,
            z_m=line.pelvis_z_m,
            pins=pins,
        )

    return motion


EXERCISE = Exercise(
    name="high_plank",
    title="high plank",
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
            fix=("Keep your neck in line with your spine.", "Look at the floor just ahead of your hands."),
        ),
        "hands_too_far_forward": Fault(
            label="hands too far forward",
            seen=(
                "Your hands are too far in front of you.",
                "Your shoulders are behind your wrists.",
                "Your arms slant forward.",
            ),
            fix=("Stack your shoulders over your wrists.", "Bring your hands back under your shoulders."),
        ),
        "knees_bent": Fault(
            label="bending the knees",
            seen=(
                "Your knees are bent and drop towards the floor.",
                "Your legs are not straight.",
                "Your knees sink down.",
            ),
            fix=("Straighten your legs and push your heels back.", "Lock your knees and tighten your thighs."),
        ),
    },
    praise=(
        "Great plank, your body is one straight line.",
        "Good form, your shoulders are over your wrists. Hold it.",
        "Your core is tight and your hips are level. Well done.",
        "Strong and steady. Keep breathing.",
    ),
)
