import json

import pytest
from tests.data.writing import qved, write, write_clip


@pytest.fixture
def dataset(tmp_path):
    records = []
    for person in range(6):
        for name in ("squats", "lunges"):
            write_clip(tmp_path / name / f"{person}.mp4", grey=20 * person + 20 + 5 * (name == "lunges"))
            records.append(qved(f"{name}/{person}.mp4", f"{name} - person {person}", subject=f"p{person}"))
    return write(tmp_path / "qved.json", records)


def test_check_of_a_healthy_data_set_exits_0(vidtune, dataset):
    status, out, err = vidtune("data", "check", dataset)

    assert status == 0, err
    assert "12 samples" in out
    assert "fit to use" in out


def test_check_exits_65_and_names_what_is_missing(vidtune, dataset):
    (dataset.parent / "squats/3.mp4").unlink()
    (dataset.parent / "lunges/3.mp4").unlink()

    status, out, _ = vidtune("data", "check", dataset, "--json")

    report = json.loads(out)
    assert status == 65
    assert report["is_fit"] is False
    (finding,) = [item for item in report["reports"][0]["findings"] if item["level"] == "error"]
    assert "2 of 12 videos are missing" in finding["message"]


def test_check_of_a_damaged_file_exits_65_with_all_findings_and_no_traceback(vidtune, tmp_path):
    path = write(tmp_path / "bad.json", [qved(["a", "b"]), qved(3)])

    status, out, err = vidtune("data", "check", path)

    assert (status, out) == (65, "")
    assert "error[data_invalid]" in err
    assert "line 2 (item 1), video: found a list of 2" in err
    assert "Traceback" not in err


def test_check_of_several_damaged_files_tells_of_all(vidtune, tmp_path):
    paths = [write(tmp_path / name, [qved(3)]) for name in ("a.json", "b.json")]

    status, _, err = vidtune("data", "check", *paths)

    assert status == 65
    assert "a.json, line" in err
    assert "b.json, line" in err


def test_split_writes_parts_without_leaks_that_check_accepts(vidtune, dataset):
    status, out, _ = vidtune("data", "split", dataset, "--out", dataset.parent / "parts", "--json")

    record = json.loads(out)
    assert status == 0
    assert {name: part["num_subjects"] for name, part in record["parts"].items()} == {"train": 4, "val": 1, "test": 1}
    assert record["leaks"] == []
    status, out, _ = vidtune("data", "check", *record["files"].values(), "--videos", dataset.parent)
    assert status == 0
    assert "no clip, copy or known subject" in out


def test_split_does_not_replace_other_files_but_may_be_repeated(vidtune, dataset):
    out = dataset.parent / "parts"

    assert vidtune("data", "split", dataset, "--out", out)[0] == 0
    assert vidtune("data", "split", dataset, "--out", out)[0] == 0
    status, _, err = vidtune("data", "split", dataset, "--out", out, "--set", "seed=7")

    assert status == 2
    assert "is there already with other content" in err


def test_a_split_is_written_whole_or_not_at_all(vidtune, dataset):
    out = dataset.parent / "parts"
    out.mkdir()
    (out / f"{dataset.stem}_test.json").write_text("[]")

    status, _, err = vidtune("data", "split", dataset, "--out", out)

    assert status == 2
    assert "_test.json is there already with other content" in err
    assert [path.name for path in out.iterdir()] == [f"{dataset.stem}_test.json"]


def test_the_published_split_tells_its_leaks(vidtune, dataset):
    status, out, _ = vidtune("data", "split", dataset, "--out", dataset.parent / "p", "--set", "compat=qved-1.0")

    assert status == 0
    assert "measure memory too" in out


def test_stats_print_a_table_or_one_json_object(vidtune, dataset):
    status, out, _ = vidtune("data", "stats", dataset, "--videos", dataset.parent, "--json")

    record = json.loads(out)
    assert status == 0
    assert record["labels"] == {"lunges": 6, "squats": 6}
    assert record["total_duration_s"] == pytest.approx(12, abs=0.5)
    status, out, _ = vidtune("data", "stats", dataset)
    assert status == 0
    assert "1.0 x the smallest" in out


def test_an_unknown_pack_format_or_setting_is_bad_usage(vidtune, dataset):
    assert vidtune("data", "synth", "physiox", "--out", "x")[0] == 2
    assert vidtune("data", "stats", dataset, "--format", "coco")[0] == 2
    assert vidtune("data", "split", dataset, "--out", "x", "--set", "seeed=1")[0] == 2
    assert vidtune("data", "check", dataset.parent / "none.json")[0] == 65
