import json
import os
import signal
import subprocess
import sys

import pytest
from tests.data.writing import messages, qved, write
from tests.media.writing import tone, write_clip, write_sound

from vidtune.core.durable import RecordLog
from vidtune.data import DataConfig, degrade_dataset, load_samples, read_dataset, sound_source
from vidtune.media import SoundMissing, probe_video
from vidtune.media.corruption import read_corruptions


def damages(*specs):
    return [named for spec in specs for named in read_corruptions(spec)]


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "in"
    for index, name in enumerate(("squats/1.mp4", "squats/2.mkv", "lunges/3.mp4")):
        write_clip(folder / name, num_frames=8, seed=index)
    write(folder / "subjects.json", {"squats/1.mp4": "p1", "squats/2.mkv": "p2", "lunges/3.mp4": "p3"})
    return write(
        folder / "test.json",
        [
            qved("squats/1.mp4", "squats - left knee in", split="test"),
            qved("squats/1.mp4", "squats - yes", question="Is it deep?"),
            qved("squats/2.mkv"),
            qved("lunges/3.mp4", "lunges - lean right"),
        ],
    )


def test_every_damage_has_its_clips_and_its_samples(dataset, tmp_path):
    before = read_dataset(dataset)

    summary = degrade_dataset(before, dataset.parent, damages("jpeg:1", "frame_drop:3"), tmp_path / "out")

    assert (summary.num_written, summary.num_reused, summary.failures) == (6, 0, ())
    assert list(summary.files) == ["jpeg_1", "frame_drop_3"]
    after = read_dataset(summary.files["jpeg_1"])
    assert [sample.sample_id for sample in after] == [sample.sample_id for sample in before]
    assert [(sample.label, sample.subject, sample.split, sample.answer) for sample in after] == [
        (sample.label, sample.subject, sample.split, sample.answer) for sample in before
    ]
    assert after.samples[2].video == "jpeg_1/squats/2.mp4"
    for sample in after:
        assert probe_video(tmp_path / "out" / sample.video).num_frames == 8


def test_a_flip_exchanges_left_and_right_in_the_answers(dataset, tmp_path):
    summary = degrade_dataset(read_dataset(dataset), dataset.parent, damages("mirror", "jpeg:1"), tmp_path / "out")

    assert [sample.answer for sample in read_dataset(summary.files["mirror_1"])] == [
        "squats - right knee in",
        "squats - yes",
        "squats - good",
        "lunges - lean left",
    ]
    assert read_dataset(summary.files["jpeg_1"]).samples[0].answer == "squats - left knee in"


def test_a_spoken_question_is_found_beside_the_damaged_clips(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    write_clip(folder / "a.mp4", num_frames=8)
    write_sound(folder / "asked" / "a.wav", tone(0.2, 440))
    lines = [{**messages("a.mp4"), "id": name, "audios": [f"asked/{name}.wav"]} for name in ("a", "lost")]
    data = write(folder / "test.jsonl", lines)

    summary = degrade_dataset(read_dataset(data), folder, damages("jpeg:1"), out)

    config = DataConfig(path=summary.files["jpeg_1"], videos=out)
    heard, lost = load_samples(config).samples
    assert (out / "asked" / "a.wav").read_bytes() == (folder / "asked" / "a.wav").read_bytes()
    assert sound_source(heard, config).path == out / "asked" / "a.wav"
    with pytest.raises(SoundMissing, match="'asked/lost.wav' of lost was not found"):
        sound_source(lost, config)


def test_severity_0_is_the_same_files(dataset, tmp_path):
    degrade_dataset(read_dataset(dataset), dataset.parent, damages("jpeg:0"), tmp_path / "out")

    for name in ("squats/1.mp4", "squats/2.mkv", "lunges/3.mp4"):
        assert (tmp_path / "out/jpeg_0" / name).read_bytes() == (dataset.parent / name).read_bytes()


def test_a_second_call_does_nothing_and_a_changed_file_is_made_again(dataset, tmp_path):
    data, wanted, out = read_dataset(dataset), damages("jpeg:1"), tmp_path / "out"
    degrade_dataset(data, dataset.parent, wanted, out)
    target = out / "jpeg_1/squats/1.mp4"
    content = target.read_bytes()

    assert degrade_dataset(data, dataset.parent, wanted, out).num_reused == 3
    target.write_bytes(b"broken")
    summary = degrade_dataset(data, dataset.parent, wanted, out)

    assert (summary.num_written, summary.num_reused) == (1, 2)
    assert target.read_bytes() == content
    other = [named for named in read_corruptions("jpeg:1", seed=3)]
    assert degrade_dataset(data, dataset.parent, other, out).num_reused == 0


def test_a_clip_that_cannot_be_read_is_told_and_its_samples_are_left_out(dataset, tmp_path):
    (dataset.parent / "squats/1.mp4").write_bytes(b"")
    (dataset.parent / "lunges/3.mp4").unlink()

    summary = degrade_dataset(read_dataset(dataset), dataset.parent, damages("jpeg:1-2"), tmp_path / "out")

    assert {(item["label"], item["error"]["code"]) for item in summary.failures} == {
        (label, code) for label in ("jpeg_1", "jpeg_2") for code in ("video_empty", "video_missing")
    }
    assert summary.num_written == 2
    assert [sample.sample_id for sample in read_dataset(summary.files["jpeg_2"])] == ["squats/2"]
    json.dumps(summary.to_record(), allow_nan=False)


def test_clips_of_one_name_and_two_suffixes_do_not_overwrite_each_other(tmp_path):
    for index, name in enumerate(("a.mkv", "a.avi", "a.mp4")):
        write_clip(tmp_path / name, num_frames=4 + index)
    path = write(tmp_path / "d.jsonl", [messages(name) for name in ("a.mkv", "a.avi", "a.mp4")])

    summary = degrade_dataset(read_dataset(path), tmp_path, damages("jpeg:1"), tmp_path / "out")

    after = read_dataset(summary.files["jpeg_1"])
    assert summary.files["jpeg_1"].name == "jpeg_1.jsonl"
    assert [probe_video(tmp_path / "out" / sample.video).num_frames for sample in after] == [4, 5, 6]


def test_a_killed_run_continues_and_ends_as_if_it_had_not_been(dataset, tmp_path):
    code = """
import os, signal, sys
from vidtune.data import degrade_dataset, read_dataset
from vidtune.media.corruption import read_corruptions
def die(stage, done, total, note=""):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
degrade_dataset(read_dataset(sys.argv[1]), sys.argv[2], read_corruptions("jpeg:1-2"), sys.argv[3], progress=die)
"""
    out = tmp_path / "out"
    child = subprocess.run([sys.executable, "-c", code, dataset, dataset.parent, out], env=os.environ, check=False)
    assert child.returncode == -signal.SIGKILL

    summary = degrade_dataset(read_dataset(dataset), dataset.parent, damages("jpeg:1-2"), out)
    degrade_dataset(read_dataset(dataset), dataset.parent, damages("jpeg:1-2"), tmp_path / "whole")

    assert summary.num_reused >= 2
    assert len(RecordLog(out / "degrade.jsonl").read()) == 6
    for name in ("jpeg_1.json", "jpeg_2.json", "jpeg_2/lunges/3.mp4", "jpeg_1/squats/2.mp4"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
