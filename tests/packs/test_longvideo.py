"""The longvideo pack: schema, bytes, and above all that the evidence is where the truth says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from vidtune.core.errors import RunMismatch
from vidtune.media import SamplingConfig, decode_at, probe_video, read_frames
from vidtune.packs import packs
from vidtune.packs.longvideo import PACK, LongvideoConfig, plan_video
from vidtune.packs.longvideo._plan import COLOURS, REGIONS

SMALL = LongvideoConfig(
    num_videos=2, min_duration_s=30, max_duration_s=40, questions_per_video=8, size_px=72, seed=5, workers=1
)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("longvideo")
    PACK.synthesize(folder, SMALL)
    return folder


def read(folder: Path, name: str):
    return json.loads((folder / name).read_text())


def test_the_registry_knows_the_pack() -> None:
    assert packs.get("longvideo") is PACK


def test_videos_are_as_long_as_the_truth_says(folder: Path) -> None:
    for video in read(folder, "truth.json")["videos"]:
        info = probe_video(folder / video["video"])
        assert info.num_frames == video["num_frames"]
        assert info.duration_s == pytest.approx(video["duration_s"], abs=0.01)
        assert (info.height_px, info.width_px) == (72, 128)
        assert video["scenes"][0]["start_s"] == 0
        assert video["scenes"][-1]["end_s"] == video["duration_s"]
        for before, after in zip(video["scenes"], video["scenes"][1:], strict=False):
            assert before["end_s"] == after["start_s"]


def test_every_event_is_seen_when_and_where_the_truth_says_and_not_right_before_or_after(folder: Path) -> None:
    half_frame_s = 0.5 / SMALL.fps
    for video in read(folder, "truth.json")["videos"]:
        times_s = [
            time_s
            for event in video["events"]
            for time_s in (
                event["start_s"] - half_frame_s,
                event["start_s"] + half_frame_s,
                event["end_s"] - half_frame_s,
                event["end_s"] + half_frame_s,
            )
        ]
        frames = iter(decode_at(folder / video["video"], times_s).frames_thwc.astype(int))
        for event in video["events"]:
            before, first, last, after = (near(next(frames), event) for _ in range(4))
            assert min(first, last) > 8, event
            assert min(first, last) > 2 * max(before, after), event


def near(frame_hwc: np.ndarray, event: dict) -> int:
    """Count pixels of about the event's colour in the part of the picture where it should be."""
    height, width = frame_hwc.shape[:2]
    across, down = REGIONS[event["region"]]
    rows = slice(max(0, int((down - 0.3) * height)), int((down + 0.3) * height))
    columns = slice(max(0, int((across - 0.2) * width)), int((across + 0.2) * width))
    distance = np.abs(frame_hwc[rows, columns] - np.array(COLOURS[event["colour"]])).max(axis=2)
    return int(np.count_nonzero(distance < 48))


def test_events_do_not_overlap_and_questions_point_at_the_events_they_are_about(folder: Path) -> None:
    for video in read(folder, "truth.json")["videos"]:
        events = video["events"]
        assert all(a["end_s"] < b["start_s"] for a, b in zip(events, events[1:], strict=False))
        asked = {item["middle_s"] for question in video["questions"] for item in question["evidence"]}
        assert asked == {(event["start_s"] + event["end_s"]) / 2 for event in events if event["is_asked"]}


def test_every_question_has_one_right_answer_by_the_truth(folder: Path) -> None:
    for video in read(folder, "truth.json")["videos"]:
        by_middle = {(event["start_s"] + event["end_s"]) / 2: event for event in video["events"]}
        for question in video["questions"]:
            answer = question["candidates"][question["correct_choice"]]
            own = [by_middle[item["middle_s"]] for item in question["evidence"]]
            same = [e for e in video["events"] if (e["colour"], e["shape"]) == (own[0]["colour"], own[0]["shape"])]
            assert len(set(question["candidates"])) == len(question["candidates"]) == 4
            if question["kind"] == "shape":
                assert answer == f"a {own[0]['shape']}"
                assert sum(event["colour"] == own[0]["colour"] for event in video["events"]) == 1
            elif question["kind"] == "colour":
                assert answer == own[0]["colour"]
                assert sum(event["shape"] == own[0]["shape"] for event in video["events"]) == 1
            elif question["kind"] == "place":
                assert (answer, len(same)) == (own[0]["region"], 1)
            elif question["kind"] == "order":
                first = min(own, key=lambda event: event["start_s"])
                assert answer == f"the {first['colour']} {first['shape']}"
            else:
                assert (question["kind"], answer) == ("count", str(len(same)))


def test_longvideobench_items_have_its_schema_and_positions_are_frames_of_the_evidence(folder: Path) -> None:
    truth = {video["video_id"]: video for video in read(folder, "truth.json")["videos"]}
    items = read(folder, "lvb_val.json")

    assert items
    for item in items:
        assert set(item) == {
            *("id", "video_id", "video_path", "subtitle_path", "question", "question_wo_referring_query"),
            *("candidates", "correct_choice", "position", "topic_category", "question_category", "level"),
            *("duration_group", "duration", "starting_timestamp_for_subtitles", "view_count"),
        }
        assert (folder / "videos" / item["video_path"]).is_file()
        assert read(folder, f"subtitles/{item['subtitle_path']}")[0].keys() == {"start", "end", "line"}
        video = truth[item["video_id"]]
        for position in item["position"]:
            time_s = position / SMALL.fps
            assert any(event["start_s"] <= time_s <= event["end_s"] for event in video["events"] if event["is_asked"])


def test_mlvu_files_have_its_schema(folder: Path) -> None:
    for name, kind in (("2_needle", "needle"), ("4_count", "count"), ("5_order", "order")):
        items = read(folder, f"json/{name}.json")
        assert items
        for item in items:
            assert list(item) == ["video", "duration", "question", "candidates", "answer", "question_type"]
            assert item["question_type"] == kind
            assert item["answer"] in item["candidates"]


def test_the_same_config_gives_the_same_bytes_and_an_unfinished_pack_is_continued(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    before = contents(tmp_path)
    next((tmp_path / "videos").glob("*.mp4")).unlink()
    (tmp_path / "truth.json").unlink()

    summary = PACK.synthesize(tmp_path, SMALL)

    assert summary.num_drawn == 1
    after = contents(tmp_path)
    assert {name: after[name] for name in before if name != "clips.jsonl"} == {
        name: before[name] for name in before if name != "clips.jsonl"
    }


def test_a_folder_of_another_config_is_not_mixed(folder: Path) -> None:
    with pytest.raises(RunMismatch, match="another config_sha256"):
        PACK.synthesize(folder, SMALL.model_copy(update={"seed": 6}))


def test_lengths_are_spread_between_the_limits_and_seeds_differ() -> None:
    config = LongvideoConfig(num_videos=40, seed=1)
    lengths_s = [plan_video(config, index).duration_s for index in range(40)]

    assert 300 <= min(lengths_s) < 420
    assert 1300 < max(lengths_s) <= 1800
    assert plan_video(config, 0) != plan_video(LongvideoConfig(num_videos=40, seed=2), 0)
    with pytest.raises(ValidationError, match="is more than max_duration_s"):
        LongvideoConfig(min_duration_s=100, max_duration_s=50)


def test_spacing_frames_evenly_misses_most_evidence_which_is_why_the_pack_is_there() -> None:
    config = LongvideoConfig(num_videos=30, seed=3)
    hits = []
    for index in range(30):
        plan = plan_video(config, index)
        times_s = (np.arange(32) + 0.5) * plan.duration_s / 32
        asked = {number for question in plan.questions for number in question.events}
        hits += [np.abs(times_s - plan.events[number].middle_s).min() <= 1 for number in asked]

    assert 0.03 < np.mean(hits) < 0.2


def test_frames_are_read_like_those_of_any_clip(folder: Path) -> None:
    video = read(folder, "truth.json")["videos"][0]["video"]

    assert read_frames(folder / video, SamplingConfig(num_frames=4)).coverage == 1.0
