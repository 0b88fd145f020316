import json
import sys

import pytest
from tests.data.writing import qved, write
from tests.media.writing import write_clip

from vidtune.cli._degrade import degrade
from vidtune.cli._shell import run_guarded
from vidtune.data import read_dataset
from vidtune.media.corruption import corruptions


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["vidtune", *map(str, arguments)])
        try:
            status = run_guarded(degrade)
        except SystemExit as exc:
            status = exc.code
        captured = capsys.readouterr()
        return status or 0, captured.out, captured.err

    return run


@pytest.fixture
def dataset(tmp_path):
    for index in range(2):
        write_clip(tmp_path / f"{index}.mp4", num_frames=6, seed=index)
    return write(tmp_path / "d.json", [qved("0.mp4"), qved("1.mp4", "lunges - low")])


def test_damaged_copies_are_written_and_told(run, dataset, tmp_path):
    out = tmp_path / "out"

    status, text, err = run(
        dataset, "--out", out, "--corrupt", "blur:2", "--corrupt", "jpeg:1", "--sheet", out / "s.png"
    )

    assert status == 0, err
    assert "10 clips written" in text
    assert sorted(path.name for path in out.glob("*.json")) == [
        "defocus_blur_2.json",
        "gaussian_blur_2.json",
        "jpeg_1.json",
        "motion_blur_2.json",
        "temporal_blur_2.json",
    ]
    assert (out / "s.png").read_bytes().startswith(b"\x89PNG")


def test_data_of_a_format_that_is_only_read_are_written_in_one_that_holds_them(run, tmp_path):
    write_clip(tmp_path / "video0.mp4", num_frames=6)
    about = {"videos": [{"video_id": "video0", "split": "test"}]}
    captions = {"sentences": [{"video_id": "video0", "caption": "a man runs"}]}
    (tmp_path / "test_videodatainfo.json").write_text(json.dumps({**about, **captions}), encoding="utf-8")

    status, text, err = run(
        tmp_path / "test_videodatainfo.json", "--out", tmp_path / "out", "--corrupt", "jpeg:1", "--json"
    )

    assert status == 0, err
    written = read_dataset(json.loads(text)["files"]["jpeg_1"])
    assert [(one.video, one.answer) for one in written] == [("jpeg_1/video0.mp4", "a man runs")]


def test_a_broken_clip_exits_65_and_is_named(run, dataset, tmp_path):
    (tmp_path / "1.mp4").write_bytes(b"")

    status, text, _ = run(dataset, "--out", tmp_path / "out", "--corrupt", "jpeg:1", "--json")

    record = json.loads(text)
    assert status == 65
    assert (record["num_written"], record["num_failed"]) == (1, 1)
    assert record["failures"][0]["error"]["code"] == "video_empty"


def test_the_list_names_every_corruption(run):
    status, text, _ = run("--list")

    assert status == 0
    assert all(name in text for name in corruptions.names())
    assert "qved-1.0/compression@0.2" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["d.json", "--out", "x"], "give DATA, --out and at least one --corrupt"),
        (["d.json", "--out", "x", "--corrupt", "jepg:1"], "no corruption 'jepg:1'"),
        (["d.json", "--out", "x", "--corrupt", "jpeg:1", "--seed", "-1"], "Invalid value for '--seed'"),
    ],
)
def test_bad_usage_is_one_line(run, arguments, message):
    status, text, err = run(*arguments)

    assert (status, text) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1
