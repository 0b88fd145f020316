"""The generic pack: its truth holds, its bytes repeat, and it gives nothing of the physio pack away."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from vidtune.core.errors import RunMismatch
from vidtune.packs import packs
from vidtune.packs.generic import (
    ACTIONS,
    CAPTION_REQUESTS,
    PACK,
    POSTURES,
    QUESTIONS,
    GenericConfig,
    ask,
    frame_times,
    plan_clip,
    render_clip,
    write_caption,
)
from vidtune.packs.generic._clips import measure_truth
from vidtune.packs.physio.exercises import exercises

NUM_CLIPS = 60


@pytest.fixture(scope="module")
def clips():
    plans = [plan_clip((5, index)) for index in range(NUM_CLIPS)]
    return [(plan, *render_clip(plan, frame_times(plan.duration_s, 8), 64)) for plan in plans]


@pytest.fixture(scope="module")
def all_text(clips):
    rng = np.random.default_rng(0)
    lines = list(CAPTION_REQUESTS)
    for _, _, truth in clips:
        for _ in range(6):
            lines.append(write_caption(truth, rng))
            lines += [text for pair in ask(truth, rng, 40) for text in (pair.question, pair.answer)]
    return "\n".join(lines).lower()


def test_the_pack_is_found_by_its_name():
    assert packs.get("generic") is PACK


def test_no_exercise_of_the_physio_pack_is_named(all_text):
    names = {exercises.get(name).title.lower() for name in exercises.names()} | set(exercises.names())
    spoken = {name for title in names for name in (title, title.replace("_", " "))}

    assert [name for name in spoken if name in all_text] == []
    assert (
        re.search(r"squat|lunge|plank|push-?up|bridge|glute|tricep|hamstring|walkout|cat-cow|toe touch", all_text)
        is None
    )


def test_no_feedback_of_the_physio_pack_is_said(all_text):
    wordings = [
        wording.lower()
        for name in exercises.names()
        for fault in exercises.get(name).faults.values()
        for wording in (fault.label, *fault.wordings)
    ]

    assert len(wordings) > 50
    assert [wording for wording in wordings if wording in all_text] == []
    assert re.search(r"\b(try|should|correct|mistake|form|keep your|exercise|avoid|great|good)\b", all_text) is None


def test_the_same_seed_draws_the_same_pixels():
    plan = plan_clip((3, 1))

    first, second = (render_clip(plan, frame_times(plan.duration_s, 8), 64)[0].frames_thwc for _ in range(2))

    assert np.array_equal(first, second)
    assert plan_clip((3, 1)).scene == plan.scene


def test_every_posture_and_every_action_occurs():
    plans = [plan_clip((8, index)) for index in range(1500)]

    postures = Counter(plan.motion.posture for plan in plans)
    actions = {fact.action for plan in plans for fact in plan.motion.facts}
    assert set(postures) == set(POSTURES)
    assert max(postures.values()) < 4 * min(postures.values())
    assert actions == set(ACTIONS)


def test_every_question_kind_is_asked_and_answers_vary(clips):
    answers: dict[str, Counter[str]] = {}
    for index, (_, _, truth) in enumerate(clips):
        for pair in ask(truth, np.random.default_rng(index), 40):
            answers.setdefault(pair.kind, Counter())[pair.answer] += 1

    assert set(answers) == set(QUESTIONS)
    assert all(len(counter) >= 2 for counter in answers.values())


def test_a_body_seen_from_its_left_side_points_to_the_left_of_the_picture():
    found = next(p for p in (plan_clip((6, i)) for i in range(100)) if p.motion.posture == "standing")
    motion = replace(found.motion, pose_at=lambda t: replace(found.motion.pose_at(t), yaw_deg=0.0))
    plan = replace(found, motion=motion, scene=replace(found.scene, azimuth_deg=90.0))

    rendered, truth = render_clip(plan, [0.0], 64)

    joints = dict(zip(_joint_names(), rendered.joints_xy_tj2[0], strict=True))
    assert (truth.view, truth.facing) == ("side", "left")
    assert joints["l_toe"][0] < joints["l_heel"][0]


def test_the_bend_of_a_knee_is_measured_not_planned(clips):
    for plan, rendered, truth in clips[:20]:
        deepest = rendered.angles_ta[:, _angle_names().index("l_knee")].max()

        assert (truth.left_knee == "straight") == (deepest < 28.0)
        assert measure_truth(plan, rendered) == truth


def test_a_written_pack_repeats_resumes_and_keeps_people_apart(tmp_path):
    config = GenericConfig(num_clips=6, size_px=64, fps=5, clips_per_subject=1)
    first = PACK.synthesize(tmp_path / "a", config)
    (tmp_path / "b").mkdir()
    PACK.synthesize(tmp_path / "b", config)
    (tmp_path / "b" / "clips" / "000002.mp4").unlink()

    again = PACK.synthesize(tmp_path / "b", config)

    assert again.num_drawn == 1
    assert again.files_sha256 == first.files_sha256
    people = json.loads((tmp_path / "a" / "subjects.json").read_text())
    by_split = {
        split: {
            people[sample["video"]] for sample in json.loads((tmp_path / "a" / f"generic_{split}.json").read_text())
        }
        for split in ("train", "val", "test")
    }
    assert not by_split["train"] & by_split["test"]
    assert not by_split["train"] & by_split["val"]


def test_another_config_is_refused_in_the_same_folder(tmp_path):
    PACK.synthesize(tmp_path, GenericConfig(num_clips=3, size_px=64, fps=5))

    with pytest.raises(RunMismatch, match="config_sha256"):
        PACK.synthesize(tmp_path, GenericConfig(num_clips=3, size_px=64, fps=5, seed=1))


def _joint_names():
    from vidtune.packs.figure import JOINTS

    return JOINTS


def _angle_names():
    from vidtune.packs.figure import ANGLES

    return ANGLES
