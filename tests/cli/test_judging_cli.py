"""Judges, ensembles and confidence as a user calls them."""

import json
from pathlib import Path

import pytest
from tests.evaluation.judging.judge_server import constant, judge_server
from tests.evaluation.writing import make_record, write_run
from tests.inference.conftest import write_qved
from tests.media.writing import write_clip
from tests.models.tiny import make_tiny_folder

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.hashing import sha256_file

NUM = 12


@pytest.fixture
def runs(tmp_path):
    return [
        write_run(
            tmp_path / name,
            [
                make_record(
                    n, prediction="heel lift - no" if n % 3 == third else None, mean_logprob=-0.1 * n, frames=None
                )
                for n in range(NUM)
            ],
        ).path
        for third, name in enumerate(("a", "b", "c"))
    ]


def test_a_run_is_judged_and_the_verdict_is_printed(vidtune, runs):
    status, out, err = vidtune("evaluate", runs[0], "--no-bert", "--judge", "rules", "--judge-rubric", "holistic")

    assert status == 0, err
    assert "The judge passed all its controls." in out
    assert (runs[0] / "judge" / "holistic.rules.jsonl").is_file()


def test_a_bad_judge_behind_an_address_is_reported_as_failed(vidtune, runs):
    with judge_server(constant) as server:
        status, out, err = vidtune(
            *("evaluate", runs[0], "--no-bert", "--json", "--judge", f"endpoint:{server.address}"),
            *("--judge-set", "model=planted", "--judge-set", "num_control_items=5"),
        )

    assert status == 0, err
    judged = json.loads(out)[str(runs[0])]["judged"][0]
    assert judged["verdict"]["status"] == "failed"
    assert "constant" in judged["verdict"]["failed"]
    assert judged["sent_to"] == server.address


def test_three_runs_become_one_that_is_scored(vidtune, runs, tmp_path):
    status, out, err = vidtune("evaluate", *runs, "--no-bert", "--ensemble", "vote", "--out", tmp_path / "together")

    assert status == 0, err
    assert "3 runs by majority vote; 12 of 12 samples answered" in out
    metrics = read_json(tmp_path / "together" / "metrics.json")
    assert metrics["metrics"]["exercise_identification"]["mean"] == 1.0
    assert metrics["predictions_sha256"] == sha256_file(tmp_path / "together" / "predictions.jsonl")
    assert (tmp_path / "together" / "report.html").is_file()


def test_confidence_is_calibrated_on_another_run(vidtune, runs, tmp_path):
    records = RecordLog(runs[0] / "predictions.jsonl").read()
    renamed = [{**record, "sample_id": f"v{record['sample_id']}"} for record in records]
    validation = write_run(tmp_path / "val", renamed).path

    status, out, err = vidtune("evaluate", runs[1], "--no-bert", "--calibrate-on", validation, "--max-risk", "0.4")

    assert status == 0, err
    assert "Confidence: token_probability, platt" in out
    assert (runs[1] / "confidence.jsonl").is_file()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--judge-rubric", "holistic"], "no effect without --judge"),
        (["--experts", "x.csv"], "no effect without --judge"),
        (["--judge", "rules:x"], "leave it out"),
        (["--judge", "rules", "--judge-set", "models=x"], "no such setting"),
        (["--ensemble", "vote"], "go together"),
        (["--ensemble", "vote", "--out", "x"], "at least two"),
        (["--max-risk", "0.1"], "needs --calibrate-on"),
    ],
)
def test_options_that_mean_nothing_are_refused_before_anything_is_scored(vidtune, runs, options, problem):
    status, _, err = vidtune("evaluate", runs[0], "--no-bert", *options)

    assert status == 2
    assert problem in err
    assert not (runs[0] / "metrics.json").exists()


def test_several_ways_to_ask_become_one_answer(vidtune, tmp_path):
    folder = make_tiny_folder(tmp_path / "tiny")
    (tmp_path / "clips").mkdir()
    for index in range(2):
        write_clip(tmp_path / "clips" / f"{index}.mp4", num_frames=8, width=56, height=56, seed=index)
    data = write_qved(tmp_path / "test.json", ["0.mp4", "1.mp4"])
    command = ["predict", "--model", folder, "--data", data, "--videos", tmp_path / "clips", "--out", tmp_path / "run"]
    command += [
        "--num-frames",
        "4",
        "--max-new-tokens",
        "4",
        "--device",
        "cpu",
        "--samples",
        "2",
        "--augment",
        "augment=mirror",
    ]

    status, out, err = vidtune(*command, "--ensemble", "minimum_risk:token_f1", "--json")

    assert status == 0, err
    assert json.loads(out)["num_ok"] == 2
    records = RecordLog(tmp_path / "run" / "predictions.jsonl").read()
    assert [len(record["candidates"]) for record in records] == [4, 4]
    members = read_json(tmp_path / "run" / "environment.json")["inputs"]["members"]
    for one in members:
        member = tmp_path / "run" / "members" / Path(one["run"]).name
        assert one["predictions_sha256"] == sha256_file(member / "predictions.jsonl")
    assert vidtune(*command[:-4], "--ensemble", "vote")[0] == 2
