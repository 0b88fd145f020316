"""Adapters that change while they are trained, killed in between, and shared by two processes."""

from __future__ import annotations

import signal

import pytest
import yaml

from vidtune.config import dump_config
from vidtune.core.rundir import RunDirectory
from vidtune.training import train

from . import child, forked
from .test_resume import finish, outcome, train_in_child

KINDS = {
    "ranks that move": {
        "kind": "rank_budget",
        "rank": 3,
        "alpha": 6,
        "modalities": ["vision", "projector", "language"],
        "options": {"num_calibration_samples": 4, "reallocate_every_steps": 2, "reallocate_until_step": 6},
    },
    "temporal_lora": {"kind": "temporal_lora", "rank": 4, "modalities": ["vision", "language"], "options": {}},
}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def frames_folder(tmp_path_factory):
    """Clips are decoded once: a new process starts its own readers, which takes longer than its steps."""
    return tmp_path_factory.mktemp("frames")


@pytest.fixture
def recipe_path(kind, recipe, frames_folder, tmp_path):
    path = tmp_path / "recipe.yaml"
    config = recipe(
        adapter=KINDS[kind],
        loop={"max_steps": 8, "accumulation": 2, "batch_size": 3},
        augmentation={"brightness": 0.1},
        save={"every_steps": 3},
        frame_cache={"enabled": True, "folder": str(frames_folder)},
    )
    path.write_text(dump_config(config))
    return path


@pytest.fixture(scope="module")
def undisturbed_runs(tmp_path_factory):
    return {kind: RunDirectory(tmp_path_factory.mktemp("undisturbed") / "run") for kind in KINDS}


@pytest.fixture
def undisturbed(kind, recipe_path, undisturbed_runs):
    """What one process makes of the recipe; trained once for each kind."""
    run = undisturbed_runs[kind]
    if not run.best.exists():
        finish(recipe_path, run)
    return run


def ranks_of(run):
    plan = run.best / "rank_plan.yaml"
    if not plan.exists():
        return {}
    return {name: row["rank"] for name, row in yaml.safe_load(plan.read_text())["matrices"].items()}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("point", ["step:4", "step:7"])
def test_a_run_killed_across_a_move_of_ranks_ends_as_if_it_had_not_been(recipe_path, undisturbed, tmp_path, point):
    """Ranks move after steps 2, 4 and 6, checkpoints are of steps 3 and 6: before the kill and to be done again."""
    killed = RunDirectory(tmp_path / "killed")
    exit_code, said = train_in_child(recipe_path, killed, point)
    assert exit_code == -signal.SIGKILL, said
    finish(recipe_path, killed)

    assert outcome(killed) == outcome(undisturbed)
    assert ranks_of(killed) == ranks_of(undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_learn_to_the_last_bit_what_one_learns(recipe_path, undisturbed, tmp_path):
    two = RunDirectory(tmp_path / "two")
    forked.run_world(child.learn, str(recipe_path), str(two.path), num_processes=2, folder=tmp_path / "said")

    assert outcome(two) == outcome(undisturbed)
    assert ranks_of(two) == ranks_of(undisturbed)


@pytest.mark.slow
def test_ranks_do_move_in_these_runs(recipe, tmp_path):
    moving, fixed = RunDirectory(tmp_path / "moving"), RunDirectory(tmp_path / "fixed")
    options = KINDS["ranks that move"]["options"]
    for run, own in ((moving, options), (fixed, {"num_calibration_samples": options["num_calibration_samples"]})):
        train(recipe(adapter={**KINDS["ranks that move"], "options": own}), run)

    assert ranks_of(moving) != ranks_of(fixed)
