"""The exercises: each can be performed by anybody, and each mistake changes what is seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidtune.packs.figure import JOINTS, Pose, Subject, dimensions_of, sample_subject
from vidtune.packs.figure._skeleton import pose_body
from vidtune.packs.physio import PhysioConfig
from vidtune.packs.physio._clip import MAX_DURATION_S, MIN_DURATION_S, plan_take
from vidtune.packs.physio._plan import plan_clips
from vidtune.packs.physio._program import TOO_FAST, Performance
from vidtune.packs.physio.exercises import exercises

QVED_CLASSES = [
    "alternating_single_leg_glutes_bridge",
    "cat-cow_pose",
    "elbow_plank",
    "glute_hamstring_walkout",
    "glutes_bridge",
    "heel_lift",
    "high_plank",
    "lunges_leg_out_in_front",
    "opposite_arm_and_leg_lifts_on_knees",
    "pushups",
    "side_plank",
    "squats",
    "toe_touch",
    "tricep_stretch",
]
MISTAKES = [(name, fault) for name in QVED_CLASSES for fault in exercises.get(name).faults if fault != TOO_FAST]
TIMES_S = [0.1 * step for step in range(20)]


def joints_of(name: str, fault: str | None, *, subject: Subject | None = None) -> np.ndarray:
    subject = subject or Subject("s")
    performance = Performance(
        dims=dimensions_of(subject.build), seed=5, period_s=2.0, fault_name=fault, fault_start_s=-1.0
    )
    motion = exercises.get(name).program(performance)
    return pose_body([motion(time_s) for time_s in TIMES_S], performance.dims).joints_tj3


def test_the_classes_are_those_of_qved() -> None:
    assert exercises.names() == QVED_CLASSES
    assert all(exercises.get(name).name == name for name in QVED_CLASSES)


@pytest.mark.parametrize("name", QVED_CLASSES)
def test_every_mistake_can_be_said_in_at_least_four_ways(name: str) -> None:
    exercise = exercises.get(name)

    assert len(exercise.faults) >= 4
    assert len(set(exercise.praise)) >= 4
    for fault in exercise.faults.values():
        assert len(set(fault.wordings)) >= 4
        assert all(wording.endswith(".") and len(wording.split()) <= 24 for wording in fault.wordings)


@pytest.mark.parametrize("name", QVED_CLASSES)
def test_nobody_sinks_into_the_floor_or_hovers(name: str) -> None:
    for seed in range(6):
        subject = sample_subject(np.random.default_rng(seed), "s")
        for fault in (None, *exercises.get(name).faults):
            lowest = joints_of(name, fault, subject=subject)[..., 2].min(axis=1)
            assert lowest.min() > -0.03, (fault, seed)
            assert lowest.max() < 0.14, (fault, seed)


@pytest.mark.parametrize("name", QVED_CLASSES)
def test_nothing_jumps_from_frame_to_frame(name: str) -> None:
    subject = Subject("s")
    performance = Performance(dims=dimensions_of(subject.build), seed=5, period_s=2.0)
    motion = exercises.get(name).program(performance)
    joints = pose_body([motion(step / 60) for step in range(240)], performance.dims).joints_tj3

    assert np.linalg.norm(np.diff(joints, axis=0), axis=2).max() < 0.09


@pytest.mark.parametrize(("name", "fault"), MISTAKES)
def test_a_mistake_moves_the_body_visibly(name: str, fault: str) -> None:
    good, bad = joints_of(name, None), joints_of(name, fault)
    # Where the body is as a whole does not matter, its shape does.
    hips = [JOINTS.index("l_hip"), JOINTS.index("r_hip")]
    good, bad = (clip - clip[:, hips].mean(axis=1, keepdims=True) for clip in (good, bad))

    farthest_m = np.linalg.norm(good - bad, axis=2).max()
    assert farthest_m > 0.1


def test_a_mistake_is_made_only_in_its_time() -> None:
    performance = Performance(
        dims=dimensions_of(Subject("s").build),
        seed=1,
        period_s=2.0,
        fault_name="knee_valgus",
        fault_start_s=1.0,
        fault_end_s=2.0,
    )

    assert performance.fault("knee_valgus", 1.5) == 1.0
    assert performance.fault("knee_valgus", 0.5) == performance.fault("knee_valgus", 2.5) == 0.0
    assert performance.fault("forward_lean", 1.5) == 0.0


@pytest.fixture(scope="module")
def takes() -> list[tuple]:
    config = PhysioConfig(num_clips=420, num_subjects=20, seed=11)
    return [(plan, plan_take(config, plan)) for plan in plan_clips(config)]


def test_mistakes_have_times_and_frames_within_the_clip(takes: list[tuple]) -> None:
    for plan, take in takes:
        if plan.fault is None:
            assert take.fault_span is None
            continue
        duration_s = len(take.times_s) / 15
        assert 0.0 <= take.fault_span.start_s < take.fault_span.end_s <= duration_s + 1e-3
        assert all(0 <= frame < len(take.times_s) for frame in take.fault_span.frames)
        assert len(take.fault_span.frames) >= 3


def test_clips_last_two_to_four_seconds(takes: list[tuple]) -> None:
    durations_s = [len(take.times_s) / 15 for _, take in takes]

    assert min(durations_s) >= MIN_DURATION_S - 0.04
    assert max(durations_s) <= MAX_DURATION_S + 0.04


def test_too_fast_is_at_least_half_again_as_fast_as_anyone_else(takes: list[tuple]) -> None:
    for name in QVED_CLASSES:
        periods_s = {
            fast: [t.performance.period_s for p, t in takes if p.exercise == name and (p.fault == TOO_FAST) == fast]
            for fast in (True, False)
        }
        if periods_s[True]:
            assert max(periods_s[True]) * 1.5 < min(periods_s[False])


def test_correct_clips_are_seen_from_where_faulty_ones_are(takes: list[tuple]) -> None:
    end_on = [
        abs(take.scene.azimuth_deg) < 35 for plan, take in takes if plan.exercise == "squats" and plan.fault is None
    ]

    assert any(end_on)
    assert not all(end_on)


def test_a_mirrored_performance_is_another_arm_or_leg() -> None:
    assert not exercises.get("pushups").is_sided
    pose = Pose(angles={"l_shoulder_flex": math.pi})
    assert pose.mirrored().angles == {"r_shoulder_flex": math.pi}
