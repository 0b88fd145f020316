"""`vidtune data convert`, `subset`, `balance`, and what `stats` says of a benchmark."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.data.writing import qved, write

from vidtune.cli import cli
from vidtune.core.errors import BadUsage
from vidtune.data import read_dataset

FIXTURES = Path(__file__).parent.parent / "data" / "benchmarks"


def run(*arguments):
    result = CliRunner().invoke(cli, ["data", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("name", "target"), [("a.json", "qved"), ("a.jsonl", "messages"), ("a.csv", "table")])
def test_the_suffix_says_which_format_is_written(tmp_path, name, target):
    out = tmp_path / name
    record = json.loads(run("convert", FIXTURES / "video_mme/video_mme.json", "--out", out, "--json"))

    assert (record["from"], record["to"], record["num_samples"]) == ("video_mme", target, 4)
    assert read_dataset(out).samples == read_dataset(FIXTURES / "video_mme/video_mme.json").samples


def test_one_split_may_be_taken_and_one_that_is_not_there_is_told(tmp_path):
    run("convert", FIXTURES / "msr_vtt/MSRVTT_data.json", "--out", tmp_path / "test.json", "--split", "test")

    assert [sample.video for sample in read_dataset(tmp_path / "test.json")] == ["video3"]
    with pytest.raises(BadUsage, match="it has test, train, validate"):
        run("convert", FIXTURES / "msr_vtt/MSRVTT_data.json", "--out", tmp_path / "x.json", "--split", "val")


def test_another_file_is_not_written_over(tmp_path):
    out = tmp_path / "a.json"
    run("convert", FIXTURES / "mlvu/1_plotQA.json", "--out", out)
    run("convert", FIXTURES / "mlvu/1_plotQA.json", "--out", out)

    with pytest.raises(BadUsage, match="already with other content"):
        run("convert", FIXTURES / "mlvu/2_needle.json", "--out", out)


def test_subsets_and_balanced_files_are_written(tmp_path):
    records = [
        qved(f"{name}/{n}.mp4", f"{name} - x") for name, count in (("squats", 8), ("lunges", 4)) for n in range(count)
    ]
    path = write(tmp_path / "all.json", records)

    run("subset", path, "--out", tmp_path / "parts", "--ratio", "0.25", "--ratio", "0.5")
    run("balance", path, "--out", tmp_path / "even.json")

    assert len(read_dataset(tmp_path / "parts/all_25.json")) == 3
    assert len(read_dataset(tmp_path / "parts/all_50.json")) == 6
    assert len(read_dataset(tmp_path / "even.json")) == 8


def test_a_format_that_is_only_read_is_split_into_one_that_is_written(tmp_path):
    run(
        "split",
        FIXTURES / "surgvivqa/in_template.jsonl",
        "--out",
        tmp_path,
        "--set",
        "by=video",
        "--set",
        "ratios.train=0.5",
        "--set",
        "ratios.test=0.5",
    )

    assert read_dataset(tmp_path / "in_template_train.json").samples[0].meta["protocol"] == "surgvivqa"


def test_parts_have_the_suffix_of_the_format_that_is_in_them(tmp_path):
    record = {"messages": [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "Well."}]}
    records = [{**record, "videos": [f"{number}.mp4"]} for number in range(4)]
    (tmp_path / "a.json").write_text(json.dumps(records), encoding="utf-8")
    by_video = ("--set", "by=video", "--set", "ratios.train=0.5", "--set", "ratios.test=0.5")

    run("split", tmp_path / "a.json", "--out", tmp_path / "parts", *by_video)

    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["a_test.jsonl", "a_train.jsonl"]
    for line in (tmp_path / "parts/a_test.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["split"] == "test"


def test_a_file_in_the_way_that_is_no_text_is_not_written_over(tmp_path):
    (tmp_path / "a.json").write_bytes(b"PAR1\xff\xfe")

    with pytest.raises(BadUsage, match="already with other content"):
        run("convert", FIXTURES / "mlvu/1_plotQA.json", "--out", tmp_path / "a.json")


def test_stats_tell_types_and_licence(tmp_path):
    path = tmp_path / "in_template.jsonl"
    path.write_bytes((FIXTURES / "surgvivqa/in_template.jsonl").read_bytes())
    (tmp_path / "LICENSE").write_text("Some Licence 1.0\n\nText.\n", encoding="utf-8")

    record = json.loads(run("stats", path, "--json"))

    assert record["types"]["scope_motion"] == {"num_samples": 4, "num_answers": 2, "commonest_share": 0.5}
    assert record["licence"] == "Some Licence 1.0 (LICENSE)"
    assert record["num_subjects"] == 2


def test_types_of_question_stand_for_classes_where_there_are_none(tmp_path):
    told = run("balance", FIXTURES / "surgvivqa/in_template.jsonl", "--out", tmp_path / "even.json", "--per-class", 2)

    rows = {line.split()[0]: line.split()[1:] for line in told.splitlines()}
    assert rows["scope_motion"] == rows["scope_motion_type"] == ["4", "2"]
    assert len(read_dataset(tmp_path / "even.json")) == 4


def test_parts_by_time_say_what_scores_on_them_speak_for(tmp_path):
    ratios = ("--set", "ratios.train=0.5", "--set", "ratios.test=0.5")
    told = run("split", FIXTURES / "surgvivqa/in_template.jsonl", "--out", tmp_path, "--set", "by=time", *ratios)

    assert "scores speak for these recordings and not for new ones" in told
    assert "Leaks" not in told
    assert told.splitlines()[3].split()[4] == "-", "there are no classes"
