"""Kinds that ask something of the loop: data before the start, a penalty, a word after each step. And being stopped."""

from __future__ import annotations

import pytest
from tests.models.prompts import ask, make_frames

from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.inference import GenerationConfig, Request, generate, load_for_inference
from vidtune.training import read_history, train

NONE_OF_THEM = {"rank": ..., "alpha": ..., "dropout": ...}
KINDS = {
    "adalora": {"kind": "adalora", "options": {"target_rank": 2, "warmup_share": 0.0}},
    "eva": {"options": {"init": "eva", "plus_ratio": 4}},
    "pissa": {"options": {"init": "pissa"}},
    "prompt": {"kind": "prompt", "options": {"num_tokens": 3}, **NONE_OF_THEM},
    "modality_lora": {"kind": "modality_lora"},
}


class Stopped(Exception):
    """What stops a run in the middle."""


def stop_at_step_5(stage: str, done: int, total: int, note: str = "") -> None:
    if stage == "train" and done == 5:
        raise Stopped


def outcome(run: RunDirectory) -> tuple[list[float], str]:
    losses = [record["loss"] for record in read_history(run.training_log).steps]
    return losses, sha256_file(run.best / "adapter_model.safetensors")


@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been_and_answers(name, recipe, tmp_path):
    config = recipe(adapter=KINDS[name], loop={"max_steps": 8})
    whole, stopped = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "stopped")
    train(config, whole)
    with pytest.raises(Stopped):
        train(config, stopped, progress=stop_at_step_5)
    train(config, stopped)

    loaded = load_for_inference(whole.best, device="cpu")
    answers = list(generate(loaded, [Request(ask("Which exercise?"), make_frames(4))], GenerationConfig()))

    assert outcome(stopped) == outcome(whole)
    assert outcome(whole)[0][-1] < outcome(whole)[0][0]
    assert len(answers) == 1


def test_a_dry_run_says_what_every_tower_takes(recipe, tmp_path):
    summary = train(recipe(), RunDirectory(tmp_path / "run"), dry_run=True)

    language = summary.tower_bytes["language"]
    assert language["optimizer"] == 2 * language["gradients"] == 8 * summary.num_trained["language"]
    assert summary.tower_bytes["vision"]["gradients"] == 0
    rows = {line.split()[0]: line.split()[1:] for line in summary.to_text().splitlines() if line.startswith(" " * 10)}
    assert rows["language"][:2] == [
        f"{summary.num_trained['language']:,}",
        f"{summary.tower_parameters['language']:,}",
    ]
    assert rows["vision"][0] == "0"
    assert rows["all"][1] == f"{summary.num_parameters:,}"
    assert float(rows["language"][4]) == pytest.approx(language["optimizer"] / 2**20, abs=0.006)
