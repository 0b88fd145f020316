import json

import pytest
from tests.data.test_doctor import sick_folder
from tests.data.writing import qved, write
from tests.media.phone_clips import write_scene


def test_a_sick_data_set_exits_65_with_one_screen(vidtune, tmp_path):
    folder = sick_folder(tmp_path / "data")

    status, text, err = vidtune(
        "doctor", folder / "train.json", folder / "test.json", "--out", tmp_path, "--workers", 1
    )

    assert status == 65, err
    assert len(text.splitlines()) <= 24
    assert "10: 8 ok, 1 partial, 1 bad" in text
    assert "error     bad     lunges/empty.mp4: [video_empty]" in text
    assert "look-alikes in two splits (1): squats/2.mp4 and squats/leaked.mp4 (test, train)" in text
    assert "people in two splits (1): p0" in text
    assert "1 turned, 1 of variable rate" in text
    assert "10/10" in err
    assert (tmp_path / "doctor/train/ledger.csv").is_file()


def test_a_healthy_data_set_exits_0_and_json_is_one_object(vidtune, tmp_path):
    for seed in range(2):
        write_scene(tmp_path / f"{seed}.mp4", seed=seed, size=(256, 240))
    data = write(tmp_path / "d.json", [qved("0.mp4"), qved("1.mp4", "lunges - low")])

    status, text, _ = vidtune("doctor", data, "--out", tmp_path / "runs", "--json", "--workers", 1)

    record = json.loads(text)
    assert status == 0
    assert record["is_healthy"] is True
    assert (record["counts"], record["shared"], record["num_rejected"]) == ({"ok": 2, "partial": 0, "bad": 0}, [], 0)
    assert vidtune("doctor", data, "--out", tmp_path / "runs", "--workers", 1)[1].count("2 known from before") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["doctor", "none.json"], 65, "none.json does not exist"),
        (["doctor", ".", "--thresholds", "strict"], 2, "no thresholds 'strict'; known: default, qved-1.0"),
        (["doctor", "x", "--workers", "0"], 2, "Invalid value for '--workers'"),
    ],
)
def test_what_cannot_be_examined_is_one_line(vidtune, arguments, status, message):
    found, text, err = vidtune(*arguments)

    assert (found, text) == (status, "")
    assert message in err


def test_a_broken_file_is_told_with_the_places_in_it_and_nothing_is_said_of_clips_that_are_not_there(vidtune, tmp_path):
    data = tmp_path / "d.json"
    data.write_text('[{"video": "a.mp4", "conversations": "none"}]', encoding="utf-8")

    status, text, _ = vidtune("doctor", data, "--out", tmp_path / "runs")

    assert status == 65
    assert "\n          d.json" in text
    assert "..." not in text
    assert "quality" not in text
    assert "splits" not in text


def test_a_folder_of_videos_that_is_not_there_and_a_single_video_are_one_line(vidtune, tmp_path):
    data = write(tmp_path / "d.json", [qved("0.mp4"), qved("1.mp4")])
    clip = tmp_path / "0.mp4"
    clip.write_bytes(b"")

    for arguments, message in (
        ((data, "--videos", tmp_path / "gone"), "gone does not exist. Give the folder that holds the videos."),
        ((clip,), "0.mp4 is a video. Give an annotation file, or the folder of the videos."),
    ):
        status, text, err = vidtune("doctor", *arguments, "--out", tmp_path / "runs")

        assert (status, text) == (65, "")
        assert message in err
