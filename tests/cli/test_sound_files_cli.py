"""Files made from files whose samples name sounds: the sounds are found from wherever the new file lies."""

import json

import pytest
from click.testing import CliRunner
from tests.data.writing import qved, write, write_clip
from tests.media.writing import tone, write_sound

from vidtune.cli import cli
from vidtune.data import read_dataset


@pytest.fixture
def spoken(tmp_path):
    """Six clips below ``videos/``; the sounds of four lie beside the annotation file, two below ``videos/``."""
    folder = tmp_path / "old"
    records = []
    for number in range(6):
        name = ("squats", "lunges")[number % 2]
        write_clip(tmp_path / f"videos/{number}.mp4", grey=30 * number + 30)
        sound = f"asked/{number}.wav"
        write_sound((folder if number < 4 else tmp_path / "videos") / sound, tone(0.2, 300 + 50 * number))
        records.append(qved(f"{number}.mp4", f"{name} - {number}", label=name, subject=f"p{number}", audio=sound))
    return write(folder / "all.json", records)


def run(*arguments):
    result = CliRunner().invoke(cli, ["data", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def assert_heard(*paths, videos):
    """Whether every sound of every file is found and can be heard, as the check of the new file says."""
    for path in paths:
        [report] = json.loads(run("check", path, "--videos", videos, "--json"))["reports"]
        [told] = [finding for finding in report["findings"] if finding["check"] == "sounds"]
        assert told["level"] == "ok", told
        assert "named by every sample" in told["message"]


@pytest.mark.parametrize("name", ["new.json", "new.jsonl", "new.csv"])
def test_a_converted_file_finds_its_sounds(tmp_path, spoken, name):
    out = tmp_path / "new" / name

    told = run("convert", spoken, "--out", out)

    assert "Sound files stay where they are: the paths of 4 samples are written anew." in told
    assert "The sound files of 2 samples are not beside DATA: their paths stay as they are" in told
    assert_heard(out, videos=tmp_path / "videos")
    assert not list((tmp_path / "new").rglob("*.wav"))


def test_a_file_beside_the_old_one_or_above_it_has_short_paths(tmp_path, spoken):
    run("convert", spoken, "--out", spoken.with_name("beside.jsonl"))
    run("convert", spoken, "--out", tmp_path / "above.jsonl")

    def sounds(path):
        return [sample.meta["audio"] for sample in read_dataset(path)]

    assert sounds(spoken.with_name("beside.jsonl")) == [f"asked/{number}.wav" for number in range(6)]
    assert sounds(tmp_path / "above.jsonl") == [f"{'old/' * (number < 4)}asked/{number}.wav" for number in range(6)]
    assert_heard(tmp_path / "above.jsonl", videos=tmp_path / "videos")


def test_parts_subsets_and_balanced_files_find_theirs(tmp_path, spoken):
    parts = run("split", spoken, "--out", tmp_path / "parts", "--json")
    subsets = run("subset", spoken, "--out", tmp_path / "curve", "--ratio", "0.5", "--ratio", "1", "--json")
    even = run("balance", spoken, "--out", tmp_path / "even.json", "--per-class", "2", "--json")

    split, smaller = json.loads(parts), json.loads(subsets)["subsets"]
    assert sum(one["named"] for one in split["sounds"].values()) == 6
    assert sum(one["rewritten"] for one in split["sounds"].values()) == 4
    assert smaller["1"]["sounds"] == {"named": 6, "rewritten": 4, "not_beside": 2}
    assert json.loads(even)["sounds"]["named"] == 4
    files = [*split["files"].values(), *(one["file"] for one in smaller.values()), tmp_path / "even.json"]
    assert_heard(*files, videos=tmp_path / "videos")


def test_the_same_command_again_writes_the_same_file(tmp_path, spoken):
    run("convert", spoken, "--out", tmp_path / "new/new.jsonl")
    before = (tmp_path / "new/new.jsonl").read_bytes()

    run("convert", spoken, "--out", tmp_path / "new/new.jsonl")

    assert (tmp_path / "new/new.jsonl").read_bytes() == before


def test_a_missing_sound_makes_the_check_fail(tmp_path, spoken):
    (spoken.parent / "asked/1.wav").unlink()

    result = CliRunner().invoke(cli, ["data", "check", str(spoken), "--videos", str(tmp_path / "videos")])

    assert result.exit_code == 65
    assert "error  sounds" in result.stdout
    assert "1 of 6 sound files are missing: asked/1.wav." in result.stdout


def test_data_without_sounds_are_converted_without_a_word_of_them(tmp_path):
    path = write(tmp_path / "in.json", [qved("a.mp4")])

    assert "ound file" not in run("convert", path, "--out", tmp_path / "out.jsonl")
