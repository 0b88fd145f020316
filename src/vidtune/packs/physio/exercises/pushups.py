"""Push-ups: a straight body lowered between the hands and pressed up."""

from vidtune.packs.figure import Motion, Pin, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance

_FOOT_DEG = 72.0


def _program(body: Performance) -> Motion:
    dims = body.dims
    high = 0.965 * (dims.upper_arm + dims.forearm) + 1.5 * dims.girth
    low = body.trait("low", 8.2, 9.4) * dims.girth
    start = stance.plank_line(dims, high, foot_pitch_deg=_FOOT_DEG)
    hand_half = dims.shoulder_half * body.trait("hands", 1.1, 1.35)
    foot_half = dims.hip_half * body.trait("feet", 0.5, 1.1)
    elbows_deg = body.trait("elbows", 0.0, 14.0)

    def motion(time_s: float) -> Pose:
        depth = body.depth(time_s) * body.range_now(time_s, kept=0.25)
        sag, pike = body.fault("hips_sagging", time_s), body.fault("hips_piking", time_s)
        flare, nod = body.fault("elbows_flaring", time_s), body.fault("head_dropping", time_s)
        hips_up = 0.155 * dims.thigh * body.sway("hips", time_s, 0.1)
        hips_up += pike * 0.62 * dims.thigh - sag * mix(0.34, 0.2, depth) * dims.thigh
        line = stance.plank_line(dims, mix(high, low, depth), hips_up_m=hips_up, foot_pitch_deg=_FOOT_DEG)
        pins = {}
        for side, sign in (("l", 1.0), ("r", -1.0)):
            pins[f"{side}_foot"] = Pin(0.0, sign * foot_half, pitch_deg=_FOOT_DEG)
            spread = hand_half * (1.0 + 0.35 * flare)
            pins[f"{side}_hand"] = Pin(start.chest_x_m - 0.02, sign * spread, swivel_deg=mix(elbows_deg, 78.0, flare))
        return Pose(
            angles={
                "neck_flex": mix(-22.0, 66.0 - 30.0 * depth, nod),
                "spine_flex": -14.0 * sag,
                "chest_flex": 6.0 * sag,
            },
            pitch_deg=line.trunk_pitch_deg + 8.0 * sag,
            x_m=line.pelvis_x_m,
            z_m=line.pelvis_z_m,
            pins=pins,
        )

    return motion


EXERCISE = Exercise(
    name="pushups",
    title="pushups",
    program=_program,
    views_deg=((45.0, 110.0),),
    elevation_deg=(4.0, 20.0),
    period_s=(1.4, 2.1),
    is_sided=False,
    faults={
        "hips_sagging": Fault(
            label="hips sagging",
            seen=(
                "Your hips are sagging towards the floor.",
                "Your lower back drops.",
                "Your belly hangs down between hands and feet.",
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
        "incomplete_range": Fault(
            label="not low enough",
            from_depth=0.5,
            seen=(
                "You are not going low enough.",
                "Your pushups are too shallow.",
                "Your elbows hardly bend.",
            ),
            fix=("Lower your chest until it nearly touches the floor.", "Bend your elbows more on the way down."),
        ),
        "elbows_flaring": Fault(
            label="elbows flaring out",
            from_depth=0.4,
            views_deg=((-35.0, 35.0),),
            seen=(
                "Your elbows flare out to the sides.",
                "Your elbows point straight sideways.",
                "Your arms wing out as you go down.",
            ),
            fix=("Keep your elbows closer to your body.", "Tuck your elbows in towards your ribs."),
        ),
        "head_dropping": Fault(
            label="head dropping",
            seen=(
                "Your head is dropping towards the floor.",
                "Your neck is bent and your chin is on your chest.",
                "You let your head hang down.",
            ),
            fix=("Keep your neck in line with your spine.", "Look slightly ahead of your hands."),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=(
                "You are doing your pushups too fast.",
                "Your pushups are rushed.",
                "You drop and push up too quickly.",
            ),
            fix=("Slow down and control the movement.", "Lower for two seconds before you push up."),
        ),
    },
    praise=(
        "Great pushups, your body stays in one line.",
        "Good depth and your elbows stay close. Keep going.",
        "Your core is tight and the pace is steady. Well done.",
        "Nice straight back all the way down and up.",
    ),
)
