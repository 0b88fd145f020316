"""Clips that are images of a folder, as SurgViVQA has them, and parts of recordings are learned from like files."""

import numpy as np
import pytest
from PIL import Image
from tests.data.test_benchmarks import FOLDER
from tests.data.writing import qved, write
from tests.media.writing import write_clip

from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.data import read_dataset
from vidtune.training import read_history, train

DATA = FOLDER / "surgvivqa/in_template.jsonl"


@pytest.fixture
def images(tmp_path):
    """The fixture's windows as images, each of its own grey."""
    for sample in read_dataset(DATA):
        for name in sample.meta["frames"]:
            path = tmp_path / "images" / sample.video / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((56, 56, 3), int(name.split("_")[1]) % 256, np.uint8)).save(path)
    return tmp_path / "images"


def test_windows_of_a_recording_are_learned_from(recipe, images, tmp_path):
    run = RunDirectory(tmp_path / "run")
    summary = train(recipe(data={"path": str(DATA), "videos": str(images)}, loop={"max_steps": 3}), run)

    steps = read_history(run.training_log).steps
    assert summary.num_samples == len(list(read_dataset(DATA)))
    assert len(steps) == 3
    assert steps[-1]["loss"] < steps[0]["loss"]


def test_a_window_without_its_images_is_left_out_by_name(recipe, images, tmp_path):
    first = next(iter(read_dataset(DATA)))
    for name in first.meta["frames"]:
        (images / first.video / f"{name}.jpg").unlink()
    run = RunDirectory(tmp_path / "run")

    data = {"path": str(DATA), "videos": str(images)}
    train(recipe(data=data, limits={"max_dropped_share": 0.9}, loop={"max_steps": 1}), run)

    dropped = RecordLog(run.path / "dropped.jsonl").read()
    assert first.sample_id in {entry["sample_id"] for entry in dropped}


def test_parts_of_one_recording_are_learned_from_as_clips_of_their_own(recipe, tmp_path):
    write_clip(tmp_path / "long.mp4", num_frames=40, width=56, height=56)  # 4 s
    records = [
        {**qved("long.mp4", answer), "id": str(start_s), "video_start_s": start_s, "video_end_s": start_s + 1}
        for start_s, answer in ((0, "squats - good"), (2, "lunges - low"), (6, "planks - good"))
    ]
    data = {"path": str(write(tmp_path / "train.json", records)), "videos": str(tmp_path)}
    run = RunDirectory(tmp_path / "run")

    summary = train(recipe(data=data, limits={"max_dropped_share": 0.9}, loop={"max_steps": 1}), run)

    assert summary.num_samples == 2
    dropped = RecordLog(run.path / "dropped.jsonl").read()
    assert [(entry["sample_id"], entry["code"]) for entry in dropped] == [("6", "video_empty")]
