import json

import pytest

from vidtune.data import read_dataset
from vidtune.media import probe_video
from vidtune.packs import packs
from vidtune.packs.captions import CaptionsConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("captions")
    config = CaptionsConfig(num_clips=6, num_films=1, captions_per_clip=4, scenes_per_film=2, size_px=32, fps=5)
    packs.get("captions").synthesize(path, config)
    return path


@pytest.mark.parametrize(
    ("name", "format", "count", "num_references"),
    [
        ("MSRVTT_data.json", "msr_vtt", 6, 4),
        ("MSRVTT_JSFUSION_test.csv", "msr_vtt_retrieval", 2, 1),
        ("MSRVTT_train.9k.csv", "msr_vtt_retrieval", 4, 4),
        ("vatex_public_test_english_v1.1.json", "vatex", 2, 4),
    ],
)
def test_its_files_are_those_of_the_data_sets_it_mimics(folder, name, format, count, num_references):
    dataset = read_dataset(folder / name)

    assert (dataset.format, len(dataset)) == (format, count)
    assert {len(set(sample.meta["references"])) for sample in dataset} == {num_references}


def test_a_film_has_an_event_for_each_scene_as_long_as_the_video(folder):
    sample = read_dataset(folder / "activitynet/val_1.json").samples[0]
    events = sample.meta["events"]
    info = probe_video(folder / "videos" / f"{sample.video}.mp4")

    assert [event["start_s"] for event in events] == [0.0, events[0]["end_s"]]
    assert events[-1]["end_s"] == pytest.approx(info.duration_s, abs=0.01)
    assert sample.meta["other_events"][0]["text"] != events[0]["text"]


def test_splits_share_no_clip(folder):
    by_split = {}
    for sample in read_dataset(folder / "MSRVTT_data.json"):
        by_split.setdefault(sample.split, set()).add(sample.video)

    assert {split: len(videos) for split, videos in by_split.items()} == {"train": 4, "test": 2}


def test_the_same_config_gives_the_same_bytes(folder, tmp_path):
    config = CaptionsConfig(num_clips=6, num_films=1, captions_per_clip=4, scenes_per_film=2, size_px=32, fps=5)

    again = packs.get("captions").synthesize(tmp_path, config)

    assert again.files_sha256 == json.loads((folder / "pack.json").read_text(encoding="utf-8"))["files_sha256"]


def test_every_folder_but_the_shared_one_is_a_pack():
    assert packs.names() == ["captions", "generic", "longvideo", "physio"]
