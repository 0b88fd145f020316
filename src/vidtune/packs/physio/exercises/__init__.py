"""The exercises of the pack: one file each, and the table that names them."""

from vidtune.core.registry import Registry
from vidtune.packs.physio._program import Exercise

_HERE = "vidtune.packs.physio.exercises"

exercises: Registry[Exercise] = Registry(
    "physio_exercise",
    {
        "alternating_single_leg_glutes_bridge": f"{_HERE}.alternating_single_leg_glutes_bridge:EXERCISE",
        "cat-cow_pose": f"{_HERE}.cat_cow_pose:EXERCISE",
        "elbow_plank": f"{_HERE}.elbow_plank:EXERCISE",
        "glute_hamstring_walkout": f"{_HERE}.glute_hamstring_walkout:EXERCISE",
        "glutes_bridge": f"{_HERE}.glutes_bridge:EXERCISE",
        "heel_lift": f"{_HERE}.heel_lift:EXERCISE",
        "high_plank": f"{_HERE}.high_plank:EXERCISE",
        "lunges_leg_out_in_front": f"{_HERE}.lunges_leg_out_in_front:EXERCISE",
        "opposite_arm_and_leg_lifts_on_knees": f"{_HERE}.opposite_arm_and_leg_lifts_on_knees:EXERCISE",
        "pushups": f"{_HERE}.pushups:EXERCISE",
        "side_plank": f"{_HERE}.side_plank:EXERCISE",
        "squats": f"{_HERE}.squats:EXERCISE",
        "toe_touch": f"{_HERE}.toe_touch:EXERCISE",
        "tricep_stretch": f"{_HERE}.tricep_stretch:EXERCISE",
    },
)

__all__ = ["exercises"]
