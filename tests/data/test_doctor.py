"""A sick data set, made of real files: every illness is found and named, and nothing healthy is accused."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from tests.data.writing import qved, write
from tests.media.phone_clips import turn_by_header, write_scene
from tests.media.writing import cut_file, write_audio_only

from vidtune.core.durable import RecordLog
from vidtune.core.errors import BadData
from vidtune.data import collect_clips, diagnose, thresholds_named
from vidtune.data._examine import ExamineConfig, examine_clips
from vidtune.media import _worker_pool

SIZE = (256, 240)


def sick_folder(folder):
    """Write a train and a test file over ten clips, five of them with something to be told."""
    for seed, name in enumerate(("squats/1.mp4", "squats/2.mp4", "lunges/3.mkv", "lunges/4.mp4", "planks/5.mp4")):
        write_scene(folder / name, seed=seed, size=SIZE)
    turn_by_header(write_scene(folder / "planks/phone.mp4", seed=10, size=SIZE))
    write_scene(folder / "planks/vfr.mkv", seed=11, size=SIZE, gaps=[40, 40, 160])
    write_scene(folder / "squats/leaked.mp4", seed=1, size=SIZE, crf=33)  # squats/2.mp4, encoded again
    (folder / "lunges/empty.mp4").write_bytes(b"")
    cut_file(write_scene(folder / "whole.mkv", seed=12, size=SIZE, num_frames=60), folder / "lunges/cut.mkv", 0.6)
    (folder / "whole.mkv").unlink()
    train = ["squats/1.mp4", "squats/2.mp4", "lunges/3.mkv", "planks/phone.mp4", "lunges/empty.mp4"]
    test = ["lunges/4.mp4", "planks/5.mp4", "planks/vfr.mkv", "squats/leaked.mp4", "lunges/cut.mkv"]
    people = {video: f"p{number}" for number, video in enumerate((*train, *test))}
    people["planks/5.mp4"] = people["squats/1.mp4"]  # one person on both sides
    write(folder / "subjects.json", people)
    write(folder / "train.json", [qved(video, f"{video.split('/')[0]} - good") for video in train])
    write(folder / "test.json", [qved(video, f"{video.split('/')[0]} - good") for video in test])
    return folder


@pytest.fixture(scope="module")
def sick(tmp_path_factory):
    return sick_folder(tmp_path_factory.mktemp("sick"))


@pytest.fixture(scope="module")
def diagnosis(sick):
    return diagnose(collect_clips([sick / "train.json", sick / "test.json"]), sick / "out", num_workers=1)


def record_of(diagnosis, video):
    return next(record for record in diagnosis.records if record["video"] == video)


def test_every_clip_is_in_the_ledger_once_with_its_state(diagnosis):
    assert diagnosis.counts == {"ok": 8, "partial": 1, "bad": 1}
    assert not diagnosis.is_healthy
    states = {record["video"]: (record["status"], record["code"], record["is_usable"]) for record in diagnosis.records}
    assert states["lunges/empty.mp4"] == ("bad", "video_empty", False)
    assert states["lunges/cut.mkv"] == ("partial", "video_unreadable", False)
    assert states["lunges/3.mkv"] == states["planks/phone.mp4"] == states["planks/vfr.mkv"] == ("ok", "", True)


def test_a_cut_file_says_how_much_is_left(diagnosis):
    assert "frames before the damage can be decoded" in record_of(diagnosis, "lunges/cut.mkv")["reason"]


def test_containers_turns_and_rates_are_told_as_they_are(diagnosis):
    phone, uneven = record_of(diagnosis, "planks/phone.mp4"), record_of(diagnosis, "planks/vfr.mkv")

    assert (phone["width_px"], phone["height_px"], phone["rotation_deg"] % 180) == (240, 256, 90)
    assert (uneven["is_variable_rate"], phone["is_variable_rate"]) == (True, False)
    assert "matroska" in record_of(diagnosis, "lunges/3.mkv")["container"]


def test_a_leak_is_found_by_looks_and_by_person(diagnosis):
    found = {(item.kind, item.what, item.splits) for item in diagnosis.shared}

    assert found == {
        ("subject", "p0", ("test", "train")),
        ("near-duplicate", "squats/2.mp4 and squats/leaked.mp4", ("test", "train")),
    }


def test_recordings_cut_by_time_do_not_make_data_unhealthy(tmp_path):
    write_scene(tmp_path / "long.mp4", seed=1, size=SIZE)
    for name, start_s in (("train", 0.0), ("test", 0.5)):
        write(tmp_path / f"{name}.json", [qved("long.mp4", video_start_s=start_s, video_end_s=start_s + 0.2)])

    found = diagnose(collect_clips([tmp_path / "train.json", tmp_path / "test.json"]), tmp_path / "out", num_workers=1)

    assert [(item.kind, item.is_leak) for item in found.shared] == [("recording", False)]
    assert found.is_healthy


def test_the_ledger_is_there_as_lines_and_as_a_table(diagnosis, sick):
    lines = RecordLog(sick / "out/ledger.jsonl").read()
    with (sick / "out/ledger.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert len(lines) == len(rows) == 10
    assert {row["video"]: row["status"] for row in rows} == {r["video"]: r["status"] for r in diagnosis.records}
    assert json.loads((sick / "out/summary.json").read_text())["counts"] == diagnosis.counts


def test_the_three_reports_of_the_qved_pipeline_are_written(diagnosis, sick):
    with (sick / "out/cleaning_report.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    with (sick / "out/exercise_analysis_report.csv").open(encoding="utf-8") as file:
        clips = list(csv.DictReader(file))

    assert rows[0][:10] == [
        "Exercise",
        "total_videos",
        "accepted_videos",
        "rejected_videos",
        "corrupted_files",
        "low_resolution",
        "too_dark",
        "too_bright",
        "blurry",
        "insufficient_motion",
    ]
    assert [row[0] for row in rows[1:]] == ["lunges", "planks", "squats", "TOTAL"]
    assert rows[-1][1:5] == ["10", "8", "2", "2"]
    assert next(clip for clip in clips if clip["file"] == "empty.mp4")["reasons"] == "corrupted_file"
    assert json.loads((sick / "out/rejected_videos.json").read_text()) == ["lunges/empty.mp4", "lunges/cut.mkv"]


def test_the_published_thresholds_refuse_what_they_refused(sick):
    collection = collect_clips([sick / "train.json"])

    found = diagnose(collection, sick / "strict", thresholds=thresholds_named("qved-1.0"), num_workers=1)

    assert found.rejected["low_resolution"] == 4
    assert found.rejected["corrupted_file"] == 1


def test_a_second_examination_looks_only_at_what_has_changed(sick, diagnosis, tmp_path):
    folder = shutil.copytree(sick, tmp_path / "copy")
    collection = collect_clips([folder / "train.json", folder / "test.json"])
    first = diagnose(collection, tmp_path / "out", is_quick=True, num_workers=1)
    write_scene(folder / "lunges/empty.mp4", seed=20, size=SIZE)
    again = diagnose(collection, tmp_path / "out", is_quick=True, num_workers=1)

    assert (first.num_reused, again.num_reused) == (0, 9)
    assert again.counts == {"ok": 9, "partial": 1, "bad": 0}
    assert diagnose(collection, tmp_path / "out", is_quick=True, is_fresh=True, num_workers=1).num_reused == 0


def test_a_killed_examination_continues(sick, tmp_path):
    code = """
import os, signal, sys
from pathlib import Path
from vidtune.data import collect_clips, diagnose
def die(stage, done, total, note=""):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
diagnose(collect_clips([Path(sys.argv[1])]), Path(sys.argv[2]), is_quick=True, num_workers=1, progress=die)
"""
    child = subprocess.run([sys.executable, "-c", code, sick / "train.json", tmp_path], env=os.environ, check=False)
    assert child.returncode == -signal.SIGKILL

    found = diagnose(collect_clips([sick / "train.json"]), tmp_path, is_quick=True, num_workers=1)

    assert found.num_reused == 3
    assert len(found.records) == 5


@pytest.fixture
def poisoned_worker(tmp_path, monkeypatch):
    """A decoder process that hangs or dies on files of certain names, as on damaged ones."""
    stub = tmp_path / "worker.py"
    stub.write_text(
        "import os, signal, sys, time\n"
        "from vidtune.media import _worker\n"
        "real = _worker.opened_video_clip\n"
        "def opened(clip, limits):\n"
        "    if clip.path.name.startswith('hang'): time.sleep(1000)\n"
        "    if clip.path.name.startswith('kill'): os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    return real(clip, limits)\n"
        "_worker.opened_video_clip = opened\n"
        "_worker.main(*map(int, sys.argv[1:]))\n"
    )
    monkeypatch.setattr("vidtune.media._worker_pool._COMMAND", [sys.executable, str(stub)])
    monkeypatch.setattr("vidtune.media._worker_pool._GRACE_S", 0.1)
    _worker_pool._pool.stop_all()
    yield
    _worker_pool._pool.stop_all()


def test_a_file_that_kills_its_worker_does_not_stop_the_others(tmp_path, poisoned_worker):
    paths = [tmp_path / name for name in ("kill.mp4", "1.mp4", "kill2.mp4", "gone.mp4")]
    for path in paths[:3]:
        write_scene(path)

    found = dict(examine_clips(paths, ExamineConfig(timeout_s=200.0, is_quick=True), num_workers=1))

    assert [found[path]["code"] for path in paths] == ["video_decoder_died", "", "video_decoder_died", "video_missing"]
    assert "signal SIGSEGV" in found[paths[0]]["reason"]


def test_a_file_that_hangs_costs_its_time_and_no_more(tmp_path, poisoned_worker):
    paths = [write_scene(tmp_path / "hang1.mp4"), write_scene(tmp_path / "hang2.mp4")]

    found = dict(examine_clips(paths, ExamineConfig(timeout_s=0.3, is_quick=True), num_workers=1))

    assert [found[path]["code"] for path in paths] == ["video_timeout", "video_timeout"]
    assert "was not read within 0.3 s" in found[paths[0]]["reason"]


def test_a_folder_of_videos_is_examined_by_its_subfolders(tmp_path):
    write_scene(tmp_path / "v/train/squats/1.mp4", seed=1)
    write_scene(tmp_path / "v/test/squats/2.mp4", seed=2)
    shutil.copy(tmp_path / "v/train/squats/1.mp4", tmp_path / "v/test/squats/3.mp4")
    (tmp_path / "v/test/lunges").mkdir()
    write_audio_only(tmp_path / "v/test/lunges/sound.mp4")

    found = diagnose(collect_clips([tmp_path / "v"]), tmp_path / "out", num_workers=1)

    assert [(record["video"], record["splits"], record["label"]) for record in found.records] == [
        ("test/lunges/sound.mp4", ["test"], "lunges"),
        ("test/squats/2.mp4", ["test"], "squats"),
        ("test/squats/3.mp4", ["test"], "squats"),
        ("train/squats/1.mp4", ["train"], "squats"),
    ]
    assert found.records[0]["code"] == "video_unreadable"
    assert [(item.kind, item.what) for item in found.shared] == [("copy", "test/squats/3.mp4 and train/squats/1.mp4")]


def test_a_folder_of_annotation_files_is_all_of_them(sick):
    collection = collect_clips([sick])

    assert set(collection.splits) == {"train", "test"}
    assert len(collection.clips) == 10


def test_missing_videos_and_broken_files_are_part_of_the_picture(tmp_path):
    write_scene(tmp_path / "1.mp4")
    write(tmp_path / "train.json", [qved("1.mp4"), qved("gone.mp4")])
    write(tmp_path / "test.json", [qved(["a", "b"])])

    found = diagnose(collect_clips([tmp_path]), tmp_path / "out", is_quick=True, num_workers=1)

    assert [record["code"] for record in found.records] == ["", "video_missing"]
    assert "test.json" in found.problems[0]
    assert not found.is_healthy


def test_nothing_to_examine_is_named(tmp_path):
    with pytest.raises(BadData, match="does not exist"):
        collect_clips([tmp_path / "none.json"])
    with pytest.raises(BadData, match="holds no annotation file and no video"):
        collect_clips([tmp_path])
    (tmp_path / "all.csv").write_text("video,question,answer\na.mp4,How?,Well.\n")
    with pytest.raises(BadData, match=r"known at a glance \(but all.csv\) and no video .* Name the annotation file"):
        collect_clips([tmp_path])
