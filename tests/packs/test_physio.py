"""The physio data set on disk: schema, splits, bytes, and what survives an interruption."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

import av
import pytest
from pydantic import ValidationError

from vidtune.config import build_config
from vidtune.core.errors import ConfigInvalid, RunMismatch
from vidtune.packs import packs
from vidtune.packs.physio import PACK, PROMPT, PhysioConfig
from vidtune.packs.physio._plan import plan_clips
from vidtune.packs.physio.exercises import exercises

SMALL = PhysioConfig(
    num_clips=15,
    num_subjects=5,
    size_px=48,
    fps=8,
    seed=4,
    workers=1,
    exercises=("squats", "pushups", "cat-cow_pose"),
)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("physio")
    PACK.synthesize(folder, SMALL)
    return folder


def test_the_registry_knows_the_pack() -> None:
    assert packs.get("physio") is PACK
    assert PACK.config_class is PhysioConfig
    assert "physio" in packs.names()


def test_samples_have_exactly_the_schema_of_qved(folder: Path) -> None:
    for split in ("train", "val", "test"):
        samples = read(folder, f"qved_{split}.json")
        assert isinstance(samples, list)
        for sample in samples:
            assert list(sample) == ["video", "conversations", "split"]
            assert sample["split"] == split
            exercise, _, file = sample["video"].partition("/")
            assert exercise in SMALL.exercises
            assert len(file) == 12
            assert file[:8].isdigit()
            human, gpt = sample["conversations"]
            assert human == {"from": "human", "value": PROMPT}
            assert list(gpt) == ["from", "value"]
            title, dash, feedback = gpt["value"].partition(" - ")
            assert title == exercises.get(exercise).title
            assert dash
            assert len(feedback.split()) > 3


def test_the_prompt_is_qveds_default_word_for_word() -> None:
    assert PROMPT == (
        "Please evaluate the exercise form shown. What mistakes, if any, are present, "
        "and what corrections would you recommend?"
    )


def test_the_files_beside_the_samples_agree_with_them(folder: Path) -> None:
    videos = [s["video"] for split in ("train", "val", "test") for s in read(folder, f"qved_{split}.json")]
    errors = read(folder, "annotated_errors.json")

    assert len(videos) == len(set(videos)) == 15
    assert set(read(folder, "manifest.json")) == set(read(folder, "subjects.json")) == set(videos)
    assert all(video.startswith(label + "/") for video, label in read(folder, "manifest.json").items())
    assert {entry["video"] for entry in errors} == set(videos)
    assert {Path(entry["video_path"]).name for entry in read(folder, "ground_truth.json")} == {
        Path(video).name for video in videos
    }
    for entry in errors:
        assert {"video", "exercise", "errors", "error_frames", "ground_truth", "start_s", "end_s"} <= set(entry)
        assert bool(entry["errors"]) == bool(entry["error_frames"]) == (entry["start_s"] is not None)
        assert set(entry["errors"]) <= set(exercises.get(entry["exercise"]).faults)
    for entry in read(folder, "ground_truth.json"):
        assert {"video_path", "labels", "labels_descriptive"} == set(entry)


def test_every_video_decodes_to_its_exact_number_of_frames_as_yuv420p_h264(folder: Path) -> None:
    errors = {entry["video"]: entry for entry in read(folder, "annotated_errors.json")}
    for record in [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()][1:]:
        with av.open(str(folder / record["video"])) as container:
            stream = container.streams.video[0]
            frames = list(container.decode(stream))
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            assert float(stream.average_rate) == SMALL.fps
        assert len(frames) == record["num_frames"] == stream.frames
        assert (frames[0].width, frames[0].height) == (48, 48)
        assert all(0 <= frame < len(frames) for frame in errors[record["video"]]["error_frames"])
        assert (errors[record["video"]]["end_s"] or 0.0) <= len(frames) / SMALL.fps + 1e-3


def test_nobody_is_in_two_splits_and_every_class_is_in_each() -> None:
    plans = plan_clips(PhysioConfig(num_clips=140, num_subjects=13, seed=2))
    splits_of, classes_in = defaultdict(set), defaultdict(set)
    for plan in plans:
        splits_of[plan.subject_id].add(plan.split)
        classes_in[plan.split].add(plan.exercise)

    assert len(splits_of) == 13
    assert all(len(splits) == 1 for splits in splits_of.values())
    assert all(classes_in[split] == set(exercises.names()) for split in ("train", "val", "test"))


def test_about_a_third_of_the_clips_are_correct_and_mistakes_are_even() -> None:
    plans = plan_clips(PhysioConfig(seed=1))
    squats = [plan.fault for plan in plans if plan.exercise == "squats" and plan.fault]

    assert sum(plan.fault is None for plan in plans) / len(plans) == pytest.approx(0.34, abs=0.06)
    counts = [squats.count(fault) for fault in exercises.get("squats").faults]
    assert max(counts) - min(counts) <= 3


def test_imbalance_makes_some_classes_rare_and_none_absent() -> None:
    plans = plan_clips(PhysioConfig(num_clips=600, imbalance=10.0))
    counts = [sum(plan.exercise == name for plan in plans) for name in exercises.names()]

    assert 7 < max(counts) / min(counts) < 13
    assert sum(counts) == 600


@pytest.mark.slow
def test_workers_do_not_change_a_byte(folder: Path, tmp_path: Path) -> None:
    PACK.synthesize(tmp_path, SMALL.model_copy(update={"workers": 2}))

    assert contents(tmp_path) == contents(folder)


def test_another_seed_gives_other_clips(folder: Path, tmp_path: Path) -> None:
    PACK.synthesize(tmp_path, SMALL.model_copy(update={"seed": 5}))

    assert read(tmp_path, "pack.json")["files_sha256"] != read(folder, "pack.json")["files_sha256"]


def test_a_finished_pack_is_kept_and_a_damaged_clip_is_drawn_again(folder: Path, tmp_path: Path) -> None:
    first = PACK.synthesize(tmp_path, SMALL)
    victims = sorted(tmp_path.glob("*/*.mp4"))[:2]
    victims[0].unlink()
    victims[1].write_bytes(victims[1].read_bytes()[:-100])
    again = PACK.synthesize(tmp_path, SMALL)

    assert (first.num_drawn, first.num_kept) == (15, 0)
    assert (again.num_drawn, again.num_kept) == (2, 13)
    assert contents(tmp_path) == contents(folder)


def test_a_killed_call_continues_and_ends_with_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from vidtune.packs.physio import PACK, PhysioConfig

        def die_at_seven(stage, done, total, note=""):
            if done == 7:
                os.kill(os.getpid(), signal.SIGKILL)

        PACK.synthesize(Path(sys.argv[1]), PhysioConfig.model_validate_json(sys.argv[2]), die_at_seven)
        """
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), SMALL.model_dump_json()], env=environment, check=False
    )
    assert killed.returncode == -9
    assert not (tmp_path / "pack.json").exists()

    summary = PACK.synthesize(tmp_path, SMALL)

    assert summary.num_kept == 7
    assert contents(tmp_path) == contents(folder)


def test_a_folder_with_another_pack_is_refused(folder: Path) -> None:
    with pytest.raises(RunMismatch, match="another config_sha256"):
        PACK.synthesize(folder, SMALL.model_copy(update={"seed": 99}))


def test_mixed_framing_makes_portrait_and_landscape(tmp_path: Path) -> None:
    PACK.synthesize(tmp_path, SMALL.model_copy(update={"framing": "mixed"}))
    sizes = set()
    for path in tmp_path.glob("*/*.mp4"):
        with av.open(str(path)) as container:
            sizes.add((container.streams.video[0].height, container.streams.video[0].width))

    assert sizes == {(48, 48), (64, 48), (48, 64)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_clips": 20}, "every split holds every exercise"),
        ({"exercises": ("squats", "yoga")}, "must name each of its exercises once"),
        ({"size_px": 33}, "multiple of 2"),
    ],
)
def test_a_config_that_cannot_hold_is_refused(values: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PhysioConfig(**values)
    with pytest.raises(ConfigInvalid, match=message):
        build_config(PhysioConfig, values, source="a test")
