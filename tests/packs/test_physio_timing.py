"""Questions about time: their truth against the motion itself, their balance, and that they read as QVED."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from vidtune.core.errors import DataInvalid
from vidtune.data import read_dataset
from vidtune.packs.physio import PACK, PhysioConfig, write_timing_questions
from vidtune.packs.physio._clip import plan_take
from vidtune.packs.physio._program import TOO_FAST
from vidtune.packs.physio._timing import QUESTIONS, TimingQuestion, timing_questions

CONFIG = PhysioConfig(num_clips=120, num_subjects=10, exercises=("squats", "pushups", "elbow_plank"), seed=2)


@pytest.fixture(scope="module")
def questions() -> list[TimingQuestion]:
    return timing_questions(CONFIG)


def test_every_kind_is_asked_and_both_answers_are_as_frequent_in_each_split(questions: list[TimingQuestion]) -> None:
    counts = Counter((one.plan.split, one.kind, one.answer) for one in questions)
    by_question: dict[tuple[str, str], set[int]] = {}
    for (split, kind, _), number in counts.items():
        by_question.setdefault((split, kind), set()).add(number)

    assert {one.kind for one in questions} == set(QUESTIONS)
    assert all(len(numbers) == 1 for numbers in by_question.values())
    assert all(len({answer for s, k, answer in counts if (s, k) == key}) == 2 for key in by_question)


@pytest.mark.parametrize(("kind", "sixteenths"), [("start", (1, 3)), ("end", (13, 15))])
def test_who_goes_into_a_squat_has_lower_hips_in_the_later_frame(
    questions: list[TimingQuestion], kind: str, sixteenths: tuple[int, int]
) -> None:
    asked = [one for one in questions if one.kind == kind and one.plan.exercise == "squats"]
    for question in asked:
        take = plan_take(CONFIG, question.plan)
        motion = take.exercise.program(take.performance)
        duration_s = len(take.times_s) / CONFIG.fps
        heights_m = [motion(duration_s * place / 16).z_m for place in sixteenths]
        assert (heights_m[1] < heights_m[0]) == (question.answer == "into it")

    assert len(asked) >= 8


def test_tempo_is_asked_of_fast_clips_and_of_others_of_the_same_exercise(questions: list[TimingQuestion]) -> None:
    tempo = [one for one in questions if one.kind == "tempo"]

    assert all((one.plan.fault == TOO_FAST) == (one.answer == "too fast") for one in tempo)
    assert len({one.plan.index for one in tempo}) == len(tempo)
    assert {one.plan.exercise for one in tempo} <= {"squats", "pushups"}, "nobody holds a plank too fast"


def test_the_files_are_the_same_each_time_and_read_as_qved_with_their_people(tmp_path: Path) -> None:
    config = PhysioConfig(
        num_clips=30, num_subjects=5, size_px=32, fps=5, workers=1, exercises=("squats", "pushups", "cat-cow_pose")
    )
    PACK.synthesize(tmp_path, config)
    own = (tmp_path / "pack.json").read_bytes()

    counts = write_timing_questions(tmp_path)
    first = {split: (tmp_path / f"timing_{split}.json").read_bytes() for split in counts}
    assert write_timing_questions(tmp_path) == counts

    assert {split: (tmp_path / f"timing_{split}.json").read_bytes() for split in counts} == first
    assert (tmp_path / "pack.json").read_bytes() == own
    samples = read_dataset(tmp_path / "timing_train.json").samples
    assert len(samples) == counts["train"] > 0
    assert len({sample.sample_id for sample in samples}) == len(samples)
    people = json.loads((tmp_path / "subjects.json").read_text())
    assert all(sample.subject == people[sample.video] for sample in samples)
    errors = {row["video"]: row for row in json.loads((tmp_path / "annotated_errors.json").read_text())}
    for split in counts:
        for sample in read_dataset(tmp_path / f"timing_{split}.json").samples:
            if sample.meta["question_kind"] == "onset":
                # Clips last 2 to 4 s: a sixteenth is 0.25 s at most, three are 0.375 s at least.
                assert (errors[sample.video]["start_s"] < 0.3) == (sample.turns[-1].text == "at once")


def test_a_pack_too_small_to_ask_about_is_named(tmp_path: Path) -> None:
    config = PhysioConfig(num_clips=3, num_subjects=3, size_px=32, fps=5, workers=1, exercises=("elbow_plank",))
    PACK.synthesize(tmp_path, config)

    with pytest.raises(DataInvalid, match="train split of .* has no two clips"):
        write_timing_questions(tmp_path)


def test_a_folder_of_another_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pack.json").write_text(json.dumps({"pack": "generic"}))

    with pytest.raises(DataInvalid, match="holds a 'generic' pack"):
        write_timing_questions(tmp_path)
