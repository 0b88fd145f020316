"""Cat-cow pose: on hands and knees, round the back up, then let it sink with the head raised."""

import math

from vidtune.packs.figure import Dimensions, Motion, Pin, Pose
from vidtune.packs.physio._program import TOO_FAST, Exercise, Fault, Performance, mix
from vidtune.packs.physio.exercises import _stances as stance


def _program(body: Performance) -> Motion:
    dims = body.dims
    arm = 0.985 * (dims.upper_arm + dims.forearm) + 1.5 * dims.girth
    hand_x = stance.trunk_length_m(dims) * body.trait("hands", 0.92, 0.98)
    hand_half = dims.shoulder_half * body.trait("width", 0.85, 1.1)
    knees_abd = body.trait("knees", 0.0, 6.0)
    toes_deg = body.trait("toes", 72.0, 86.0)

    def motion(time_s: float) -> Pose:
        wave = (2.0 * body.depth(time_s) - 1.0) * body.range_now(time_s, kept=0.1)  # 1 is the cat, -1 the cow
        bend, back = body.fault("elbows_bending", time_s), body.fault("hips_shifting_back", time_s)
        neck = wave * 47.0 * (1.0 - body.fault("head_still", time_s))
        curl = wave * (38.0 if wave > 0 else 27.0)
        height = stance.fours_height_m(dims) * (1.0 - 0.24 * back)
        pitch = _pitch_that_reaches(dims, arm * (1.0 - 0.36 * bend) - height, curl)
        # The shoulders stay over the hands, so the hips rock a little as the back changes its length.
        shoulders_x = stance.trunk_top(dims, pitch, curl, curl).x_m
        hips_x = mix(hand_x - shoulders_x, -0.66 * dims.thigh, back)
        thigh_tilt = -math.degrees(math.asin(max(-0.9, min(0.9, hips_x / dims.thigh))))
        legs = {
            "hip_flex": pitch + thigh_tilt,
            "hip_abd": knees_abd,
            "knee_flex": 90.0 + thigh_tilt,
            "ankle_point": toes_deg,
        }
        hands = {
            f"{side}_hand": Pin(hand_x, sign * hand_half, swivel_deg=mix(2.0, 60.0, bend))
            for side, sign in (("l", 1.0), ("r", -1.0))
        }
        return Pose(
            angles=stance.both(legs) | {"spine_flex": curl, "chest_flex": curl, "neck_flex": neck - 6.0},
            pitch_deg=pitch,
            x_m=hips_x,
            z_m=mix(stance.fours_height_m(dims) * math.cos(math.radians(thigh_tilt)), height, back),
            pins=hands,
        )

    return motion


def _pitch_that_reaches(dims: Dimensions, rise_m: float, curl_deg: float) -> float:
    """Return the tilt of the pelvis that puts the shoulders ``rise_m`` above it, for a back curled by that much."""
    low, high = 20.0, 160.0
    for _ in range(14):
        middle = 0.5 * (low + high)
        if stance.trunk_top(dims, middle, curl_deg, curl_deg).z_m > rise_m:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


EXERCISE = Exercise(
    name="cat-cow_pose",
    title="cat-cow pose",
    program=_program,
    views_deg=((55.0, 120.0),),
    elevation_deg=(3.0, 16.0),
    period_s=(2.0, 2.9),
    fast_period_s=(0.6, 0.9),
    is_sided=False,
    faults={
        "incomplete_range": Fault(
            label="back hardly moving",
            seen=(
                "Your back hardly moves.",
                "You are not rounding and arching your spine enough.",
                "Your spine stays flat.",
            ),
            fix=("Round it up like a cat, then let your belly sink.", "Move through the full range of your spine."),
        ),
        "elbows_bending": Fault(
            label="bending the elbows",
            seen=(
                "Your elbows are bending.",
                "Your arms give way and your chest drops.",
                "You are bending your arms instead of your back.",
            ),
            fix=("Keep your arms straight and move from the spine.", "Push the floor away with straight elbows."),
        ),
        "hips_shifting_back": Fault(
            label="hips shifting back",
            seen=(
                "Your hips shift back towards your heels.",
                "You are sitting back on your heels.",
                "Your hips are behind your knees.",
            ),
            fix=("Keep your hips above your knees.", "Stay centred, with your thighs upright."),
        ),
        "head_still": Fault(
            label="head not following",
            seen=(
                "Your head does not follow your spine.",
                "Your neck stays stiff while your back moves.",
                "You keep looking at the same place.",
            ),
            fix=("Tuck your chin on the way up and look ahead on the way down.", "Let your head move with your back."),
        ),
        TOO_FAST: Fault(
            label="moving too fast",
            seen=(
                "You are moving too fast.",
                "Your cat and cow are rushed.",
                "You switch between the poses too quickly.",
            ),
            fix=("Slow down and breathe with each pose.", "Take a full breath for every movement."),
        ),
    },
    praise=(
        "Great movement through the whole spine.",
        "Good form, your arms are straight and your hips stay still.",
        "You round and arch smoothly. Keep breathing.",
        "Nice slow rhythm and your head follows your back.",
    ),
)
