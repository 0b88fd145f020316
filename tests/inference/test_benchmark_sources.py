"""Clips that are images of a folder, and questions that come with subtitles: as benchmarks have them."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tests.data.test_benchmarks import FOLDER
from tests.inference.conftest import make_config
from tests.models.families.tiny_internvl import make_tiny_folder as make_tiny_internvl

from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.data import read_dataset
from vidtune.inference import predict_dataset


def predicted(config, folder):
    run = RunDirectory(folder)
    predict_dataset(config, run)
    return {record["sample_id"]: record for record in RecordLog(run.predictions).read()}


@pytest.fixture
def surgery(tmp_path):
    """The fixture's windows as images, each of its own grey."""
    for sample in read_dataset(FOLDER / "surgvivqa/in_template.jsonl"):
        for name in sample.meta["frames"]:
            path = tmp_path / sample.video / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((56, 56, 3), int(name.split("_")[1]) % 256, np.uint8)).save(path)
    return tmp_path


def test_each_window_of_a_recording_is_read_from_its_own_images(tiny_folder, surgery):
    path = FOLDER / "surgvivqa/in_template.jsonl"
    config = make_config(tiny_folder, path, surgery, sampling={"num_frames": 8})

    records = predicted(config, surgery / "run")

    assert {record["status"] for record in records.values()} == {"ok"}
    assert {record["frames"]["delivered"] for record in records.values()} == {8}
    # Two windows of one recording are two clips: what was read must differ.
    hashes = {record["frames"]["source_sha256"] for record in records.values()}
    assert len(hashes) == len(records)


def test_subtitles_of_the_frames_that_are_seen_are_part_of_the_question(tiny_folder, clips, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    shutil.copy(clips / "clip_0.mp4", videos / "aa0.mp4")
    records = json.loads((FOLDER / "longvideobench/lvb_val.json").read_text(encoding="utf-8"))
    data = tmp_path / "lvb_val.json"
    data.write_text(json.dumps(records[:1]), encoding="utf-8")
    lines = [{"start": "00:00:00.000", "end": "00:00:01.000", "line": "Welcome to the harbour."}]
    (tmp_path / "subtitles").mkdir()
    (tmp_path / "subtitles/aa0_en.json").write_text(json.dumps(lines), encoding="utf-8")

    def asked(name, source=tiny_folder, **changes):
        plain = make_config(source, data, videos)
        config = plain.model_copy(update={"data": plain.data.model_copy(update=changes)})
        run = RunDirectory(tmp_path / name)
        summary = predict_dataset(config, run)
        return RecordLog(run.predictions).read()[0], summary

    without, _ = asked("a")
    between, note_between = asked("b", subtitles=tmp_path / "subtitles")
    before, note_before = asked("c", subtitles=tmp_path / "subtitles", subtitle_place="before")
    in_one_block, note_block = asked("d", make_tiny_internvl(tmp_path / "internvl"), subtitles=tmp_path / "subtitles")

    assert "subtitles" not in without
    assert between["subtitles"] == {"place": "between", "num_lines": 1}
    assert before["subtitles"] == in_one_block["subtitles"] == {"place": "before", "num_lines": 1}
    assert "subtitles stood between the frames in 1 of 1 samples that have some." in note_between.notes
    assert "subtitles stood before the question in 1 of 1 samples that have some." in note_before.notes
    assert note_before.notes == note_block.notes
    # The words alone, without the number of their frame.
    assert before["num_prompt_tokens"] > between["num_prompt_tokens"] > without["num_prompt_tokens"]
    # What is recorded is the question of the benchmark, whatever was shown beside it.
    assert between["question"] == before["question"] == without["question"]
    assert between["frames"] == before["frames"] == without["frames"]


def test_a_sound_file_that_is_not_played_is_said(tiny_folder, clips, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy(clips / "clip_0.mp4", videos / name)

    summary = predict_dataset(
        make_config(tiny_folder, FOLDER / "messages/messages.jsonl", videos), RunDirectory(tmp_path / "run")
    )

    assert any("1 of 2 samples have a sound file" in note for note in summary.notes)
