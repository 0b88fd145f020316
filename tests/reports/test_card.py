"""The model card: evidence where there is some, and in words where there is none."""

import pytest
import yaml
from tests.reports.sample import write_run

from vidtune.core.durable import RecordLog, write_atomic, write_json
from vidtune.core.rundir import RunDirectory
from vidtune.reports import NotScored, NotTrained, render_card

RECIPE = {
    "model": {"source": "nano"},
    "data": {"path": "train.json", "videos": "clips"},
    "eval_data": None,
    "adapter": {"kind": "lora"},
    "sampling": {"kind": "uniform", "num_frames": 8},
    "optim": {"learning_rate": 2e-4, "schedule": "cosine"},
    "seed": 7,
}
SUMMARY = {
    "num_trained": {"vision": 0, "language": 1000},
    "num_parameters": 5000,
    "num_samples": 40,
    "num_supervised_tokens": 900,
    "num_steps": 20,
    "num_steps_done": 20,
    "precision": "fp32",
    "seconds": 12.0,
    "best_value": None,
    "best_step": None,
    "metric": None,
    "is_stopped_early": False,
    "notes": ["3 subjects are in data and in eval_data: <b>memory</b>."],
}
PACKAGES = {"vidtune": "0.1.0", "torch": "2", "transformers": "5", "peft": "0"}


@pytest.fixture
def trained(tmp_path):
    run = RunDirectory(tmp_path / "mine")
    write_atomic(run.recipe, "# hash: abc\n" + yaml.safe_dump(RECIPE))
    environment = {"packages": PACKAGES, "python": "3.11", "machine": "x86_64", "cuda_devices": []}
    write_json(run.environment, environment)
    write_json(run.best / "training_summary.json", SUMMARY)
    with RecordLog(run.path / "dropped.jsonl") as log:
        log.append_many([{"from": "data", "sample_id": "a", "code": "video_empty", "reason": "0 bytes"}])
    return run


@pytest.fixture
def scored(trained, tmp_path):
    """Answers of the trained run, scored."""
    run = write_run(tmp_path / "answers")
    write_atomic(run.recipe, yaml.safe_dump({"model": {"source": str(trained.path)}}))
    return run


def head_of(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_head_is_what_the_hub_reads(trained, scored):
    head = head_of(render_card(trained, [scored], license_id="apache-2.0"))

    assert (head["base_model"], head["library_name"], head["license"]) == ("nano", "peft", "apache-2.0")
    [entry] = head["model-index"]
    assert entry["results"][0]["metrics"], "scores are listed"


def test_scores_stand_with_their_interval_their_n_and_what_failed(trained, scored):
    card = render_card(trained, [scored])

    assert "| Score | Mean | 95 % interval | Without looking | n | Failed |" in card
    assert "10 of 12 samples scored; failed, and in no mean:" in card
    assert "1 video\\_empty (`dropped.jsonl` names them)" in card
    assert "doubt" not in card


def test_missing_evidence_is_said(trained):
    card = render_card(trained)

    assert "**Not evaluated.**" in card
    assert "Whether training and test data overlap was not looked at." in card
    assert card.count("Nobody has written it down") == 3, "licence of data, of weights, intended use"
    assert "license" not in head_of(card)


def test_scores_of_another_model_are_called_that(trained, tmp_path):
    card = render_card(trained, [write_run(tmp_path / "others")])

    assert "others are answers of nano" in card
    assert "which is not this run" in card


def test_strange_text_cannot_become_markup(trained):
    assert "\\<b\\>memory" in render_card(trained)


def test_a_run_without_a_result_or_scores_is_refused_by_name(trained, tmp_path):
    with pytest.raises(NotTrained, match="no finished training"):
        render_card(RunDirectory(tmp_path / "nothing"))
    with pytest.raises(NotScored):
        render_card(trained, [RunDirectory(tmp_path / "nothing")])


def test_the_same_files_give_the_same_card(trained, scored):
    assert render_card(trained, [scored]) == render_card(trained, [scored])
