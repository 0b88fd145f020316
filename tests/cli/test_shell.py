import json
import re
import subprocess
import sys

import click
import pytest
from tests.data.writing import qved, write

from vidtune.cli import cli
from vidtune.cli._shell import run_guarded
from vidtune.core.errors import DiskFull


def test_the_commands_and_their_flags_are_frozen():
    """The command line is a promise: a change here is a change for every user's script."""
    with click.Context(cli) as context:
        commands = ["demo", "doctor", "data", "frames", "train", "predict", "evaluate", "report", "compare"]
        commands += ["card", "merge", "quantize", "certify"]
        assert cli.list_commands(context) == commands
        predict = cli.get_command(context, "predict")
        evaluate = cli.get_command(context, "evaluate")
    flags = {flag for parameter in predict.params for flag in parameter.opts}
    assert flags >= {"--hf_repo", "--model_path", "--test_json", "--data_path", "--output_dir", "--limit"}
    assert flags >= {"--num_frames", "--max_new_tokens", "--device", "--no-bert", "--use-bert", "--set", "--json"}
    assert {"--predictions", "--no-bert", "--baseline"} <= {flag for item in evaluate.params for flag in item.opts}


def test_help_loads_nothing_heavy():
    code = """
import sys
from vidtune.cli import cli
cli.main(["--help"], standalone_mode=False)
heavy = {"torch", "numpy", "cv2", "transformers", "pydantic", "rich", "av"} & set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    assert "Fine-tune a model as a recipe says." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["predikt"], 2, r"error\[bad_usage\]: No such command 'predikt'"),
        (["predict", "--limit", "0"], 2, r"error\[bad_usage\]: Invalid value for '--limit'"),
        (["predict", "no.yaml"], 2, r"error\[config_invalid\]: recipe no.yaml does not exist"),
        (["evaluate"], 2, r"error\[bad_usage\]: give at least one run directory"),
        (["train", "no.yaml"], 2, r"error\[config_invalid\]: recipe no.yaml does not exist"),
        (["predict", "--no-bert"], 2, "no effect without --report"),
    ],
)
def test_bad_usage_is_one_line_without_a_traceback(vidtune, tmp_path, monkeypatch, arguments, status, expected):
    monkeypatch.chdir(tmp_path)
    found, told, error = vidtune(*arguments)

    assert found == status
    assert len(error.strip().splitlines()) == 1
    assert re.search(expected, error)
    assert told == ""


def test_the_program_itself_says_it_like_that():
    done = subprocess.run([sys.executable, "-m", "vidtune", "predikt"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error\[bad_usage\]: No such command 'predikt'.*\n", done.stderr)


def test_a_named_error_keeps_its_exit_status(monkeypatch, capsys):
    @click.command()
    def failing():
        raise DiskFull("disk is full.", "Free some space.")

    monkeypatch.setattr(sys, "argv", ["vidtune"])

    assert run_guarded(failing) == 75
    assert capsys.readouterr().err == "error[disk_full]: disk is full. Free some space.\n"


def test_a_fault_of_ours_is_one_line_that_says_so(monkeypatch, capsys):
    @click.command()
    def failing():
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(sys, "argv", ["vidtune"])

    assert run_guarded(failing) == 1
    message = capsys.readouterr().err
    assert message.startswith("error[internal]: ZeroDivisionError: division by zero. This is a fault of vidtune")
    assert message.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error():
    pipeline = f"{sys.executable} -m vidtune --help | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", pipeline], capture_output=True, text=True, check=True)

    assert result.stdout.splitlines()[-1] == "0"
    assert result.stderr == ""


def test_doctor_says_what_is_here_as_json(vidtune, tmp_path):
    status, told, _ = vidtune("doctor", "--json", "--out", tmp_path)

    record = json.loads(told)
    subjects = {finding["subject"] for finding in record["findings"]}
    assert status == 0
    assert record["is_ready"] is True
    assert subjects >= {"python", "torch", "cpu", "disk", "model cache", "nano", "BERT similarity"}


def test_a_run_in_which_most_clips_fail_keeps_its_records_and_does_not_exit_0(vidtune, tmp_path):
    turns = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "squats - Fine."}]
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "empty.mp4").touch()
    (tmp_path / "test.json").write_text(json.dumps([{"video": "empty.mp4", "conversations": turns}]))

    data = ["--test_json", tmp_path / "test.json", "--data_path", tmp_path / "clips"]
    status, _, error = vidtune("predict", "--hf_repo", "nano", *data, "--output_dir", tmp_path / "out")

    assert status == 65
    assert "error[bad_data]: 1 of 1 samples failed" in error
    assert '"code":"video_empty"' in (tmp_path / "out" / "predictions.jsonl").read_text()
    assert json.loads((tmp_path / "out" / "test_predictions.json").read_text())[0]["status"] == "error"


@pytest.mark.parametrize("name", ["clinic #2", "a: b", "1e3", "null", "[x]"])
def test_a_path_given_by_an_option_is_taken_as_written(vidtune, tmp_path, monkeypatch, name):
    """In a recipe, and after --set, a value is YAML: there `clinic #2` is `clinic` and a comment."""
    monkeypatch.chdir(tmp_path)

    status, _, error = vidtune("predict", "--data", "a.json", "--videos", name)

    assert status == 65
    assert f"the video folder {name} is not there" in error


@pytest.mark.parametrize("out", ["in_the_way", "in_the_way/deeper", "x" * 300])
def test_a_path_that_the_system_refuses_is_the_users_and_no_fault_of_ours(vidtune, tmp_path, out):
    (tmp_path / "in_the_way").write_text("here before")
    data = write(tmp_path / "d.json", [qved("0.mp4"), qved("1.mp4"), qved("2.mp4")])

    status, _, error = vidtune("data", "split", data, "--out", tmp_path / out / "parts", "--set", "by=video")

    assert status == 2
    assert error.startswith("error[bad_usage]: ")
    assert str(tmp_path / out) in error
    assert "Check the path and its permissions" in error
    assert len(error.splitlines()) == 1
