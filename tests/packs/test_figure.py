"""The drawn person: what must hold for any pose, any person and any room."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidtune.packs.figure import (
    ANGLES,
    CLOTH_COLOURS,
    JOINTS,
    Build,
    Motion,
    Pin,
    Pose,
    Rendered,
    Scene,
    Subject,
    dimensions_of,
    render_frames,
    sample_scene,
    sample_subject,
)

STANDING = Pose(anchor=("l_heel", "r_heel"))
SQUATTING = Pose(
    pitch_deg=35,
    angles={f"{s}_{n}": v for s in "lr" for n, v in {"hip_flex": 105, "knee_flex": 100, "ankle_point": -30}.items()},
    anchor=("l_heel", "r_heel"),
)
POSTURES = {
    "standing": STANDING,
    "squatting": SQUATTING,
    "supine": Pose(pitch_deg=-90, angles={"l_knee_flex": 60, "l_hip_flex": 40}),
    "prone": Pose(pitch_deg=90, angles={"l_ankle_point": 60, "r_ankle_point": 60}),
    "on the side": Pose(roll_deg=90),
    "on all fours": Pose(
        pitch_deg=90,
        angles={f"{s}_{n}": 90.0 for s in "lr" for n in ("hip_flex", "knee_flex", "shoulder_flex", "ankle_point")},
    ),
    "sitting": Pose(angles={"l_hip_flex": 85, "r_hip_flex": 85}),
}
PLAIN = Scene(noise=0.0)


def still(pose: Pose) -> Motion:
    return lambda time_s: pose


def draw(pose: Pose, *, subject: Subject | None = None, scene: Scene = PLAIN, size_px: int = 64) -> Rendered:
    return render_frames(still(pose), subject or Subject("s"), scene, [0.0], size_px)


def joint(clip: Rendered, name: str) -> np.ndarray:
    return clip.joints_xyz_tj3[0, JOINTS.index(name)]


def angle(clip: Rendered, name: str) -> float:
    return float(clip.angles_ta[0, ANGLES.index(name)])


def test_the_same_arguments_give_the_same_bytes() -> None:
    def motion(time_s: float) -> Pose:
        return STANDING.blend(SQUATTING, 0.5 - 0.5 * math.cos(time_s))

    def clip() -> Rendered:
        rng = np.random.default_rng(3)
        return render_frames(motion, sample_subject(rng, "s"), sample_scene(rng), [0.0, 0.5, 1.0], 64)

    assert clip().frames_thwc.tobytes() == clip().frames_thwc.tobytes()


@pytest.mark.parametrize("posture", POSTURES)
@pytest.mark.parametrize("azimuth_deg", [0.0, 60.0, 135.0, 250.0])
def test_every_posture_lies_on_the_floor_and_inside_the_picture(posture: str, azimuth_deg: float) -> None:
    rng = np.random.default_rng(int(azimuth_deg))
    clip = draw(POSTURES[posture], subject=sample_subject(rng, "s"), scene=sample_scene(rng, azimuth_deg=azimuth_deg))

    assert clip.joints_xyz_tj3[..., 2].min() > -0.02
    assert clip.joints_xyz_tj3[..., 2].min() < 0.15
    assert clip.joints_xy_tj2.min() >= 0
    assert clip.joints_xy_tj2.max() < 64


def test_a_body_is_drawn_where_its_joints_are() -> None:
    scene = Scene(noise=0.0, mat="none", room="plain")
    subject = Subject("s", top="red", bottom="blue")
    clip = draw(STANDING, subject=subject, scene=scene, size_px=128)

    x, y = clip.joints_xy_tj2[0, JOINTS.index("spine")].round().astype(int)
    red, green, blue = clip.frames_thwc[0, y, x].astype(int)
    assert red > 2 * green
    assert red > 2 * blue


def test_picture_size_may_be_a_rectangle() -> None:
    assert render_frames(still(STANDING), Subject("s"), PLAIN, [0.0, 1.0], (48, 80)).frames_thwc.shape == (2, 48, 80, 3)


def test_no_moment_to_draw_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="times_s is empty"):
        render_frames(still(STANDING), Subject("s"), PLAIN, [], 64)


def test_a_misspelt_angle_is_refused_with_the_known_names() -> None:
    with pytest.raises(ValueError, match="no l_kne_flex; angles are .*'l_knee_flex'"):
        Pose(angles={"l_kne_flex": 3.0})


def test_controls_turn_joints_the_way_their_names_say() -> None:
    assert angle(draw(STANDING.with_angles(l_knee_flex=70.0)), "l_knee") == pytest.approx(70.0, abs=0.1)
    assert angle(draw(STANDING.with_angles(r_elbow_flex=40.0)), "r_elbow") == pytest.approx(40.0, abs=0.1)
    raised = draw(STANDING.with_angles(l_shoulder_flex=90.0))
    assert joint(raised, "l_wrist")[0] > joint(raised, "l_shoulder")[0] + 0.3
    spread = draw(STANDING.with_angles(l_shoulder_abd=90.0))
    assert joint(spread, "l_wrist")[1] > joint(spread, "l_shoulder")[1] + 0.3
    kneeling_back = draw(STANDING.with_angles(r_knee_flex=90.0))
    assert joint(kneeling_back, "r_ankle")[0] < joint(kneeling_back, "r_knee")[0] - 0.2


def test_lying_faces_the_right_way() -> None:
    on_back, on_front = draw(POSTURES["supine"]), draw(POSTURES["prone"])

    assert joint(on_back, "l_toe")[2] > joint(on_back, "l_heel")[2]
    assert joint(on_front, "l_toe")[2] < joint(on_front, "l_heel")[2]
    on_right = draw(POSTURES["on the side"])
    assert joint(on_right, "r_shoulder")[2] < joint(on_right, "l_shoulder")[2]


def test_a_pinned_foot_stays_while_the_body_moves() -> None:
    dims = dimensions_of(Build())
    pins = {"l_foot": Pin(0.0, 0.12), "r_foot": Pin(0.0, -0.12)}

    def motion(time_s: float) -> Pose:
        return Pose(z_m=0.75 - 0.2 * time_s, x_m=-0.1 * time_s, pins=pins)

    clip = render_frames(motion, Subject("s"), PLAIN, [0.0, 0.5, 1.0], 64)

    toes = clip.joints_xyz_tj3[:, JOINTS.index("l_toe")]
    assert np.ptp(toes, axis=0).max() < 1e-4
    knees = clip.joints_xyz_tj3[:, JOINTS.index("l_knee")]
    hips = clip.joints_xyz_tj3[:, JOINTS.index("l_hip")]
    assert np.linalg.norm(knees - hips, axis=1) == pytest.approx(dims.thigh, abs=1e-4)


def test_swivel_turns_both_knees_outward() -> None:
    pins = {"l_foot": Pin(0.0, 0.12, swivel_deg=40), "r_foot": Pin(0.0, -0.12, swivel_deg=40)}
    clip = draw(Pose(z_m=0.6, pins=pins))

    assert joint(clip, "l_knee")[1] > 0.15
    assert joint(clip, "r_knee")[1] < -0.15


def test_a_mirrored_pose_is_the_mirror_image() -> None:
    pose = Pose(
        angles={"l_shoulder_abd": 70, "spine_side": 20, "chest_twist": 15, "r_knee_flex": 30},
        roll_deg=10,
        yaw_deg=25,
        pins={"l_foot": Pin(0.1, 0.2, swivel_deg=10)},
        z_m=0.8,
    )
    straight, mirrored = draw(pose).joints_xyz_tj3[0], draw(pose.mirrored()).joints_xyz_tj3[0]

    swap = [JOINTS.index({"l_": "r_", "r_": "l_"}.get(n[:2], n[:2]) + n[2:]) for n in JOINTS]
    assert mirrored[swap] * np.array([1, -1, 1]) == pytest.approx(straight, abs=1e-4)
    assert pose.mirrored().mirrored() == pose


def test_a_blend_ends_at_its_poses() -> None:
    assert STANDING.blend(SQUATTING, 1.0).angles == SQUATTING.angles
    assert STANDING.blend(SQUATTING, 0.5).pitch_deg == pytest.approx(17.5)


@pytest.mark.parametrize(
    ("azimuth_deg", "view"), [(0, "front"), (44, "front"), (90, "left"), (180, "back"), (-90, "right"), (300, "right")]
)
def test_the_view_is_named_from_the_bodys_own_sides(azimuth_deg: float, view: str) -> None:
    assert Scene(azimuth_deg=azimuth_deg).view_of() == view


def test_a_camera_at_the_left_sees_the_body_face_left_in_the_picture() -> None:
    clip = draw(STANDING, scene=Scene(azimuth_deg=90.0, noise=0.0))

    toe, heel = (clip.joints_xy_tj2[0, JOINTS.index(name)] for name in ("l_toe", "l_heel"))
    assert toe[0] < heel[0]


def test_nobody_wears_one_colour_above_and_below() -> None:
    people = [sample_subject(np.random.default_rng(seed), "s") for seed in range(200)]

    assert all(person.top != person.bottom for person in people)
    assert {person.top for person in people} == set(CLOTH_COLOURS)


def test_noise_changes_pixels_and_not_joints() -> None:
    quiet, noisy = draw(STANDING), draw(STANDING, scene=Scene(noise=4.0))

    assert (quiet.frames_thwc != noisy.frames_thwc).mean() > 0.5
    assert (quiet.joints_xy_tj2 == noisy.joints_xy_tj2).all()
