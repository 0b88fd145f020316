"""kill -9, then the same command: the losses and the bytes of a run that nobody disturbed."""

import re
import signal

import pytest

from vidtune.config import dump_config
from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.training import read_history

from . import child, forked

EVALUATION = {"every_steps": 3, "metric": "weight_norm", "limit": 3}


def train_in_child(recipe_path, run, point):
    """Train in a process that ends itself at ``point``; return its exit code and what it said."""
    errors = run.path.with_suffix(".log")
    exit_code = forked.run(child.main, str(recipe_path), str(run.path), point, errors=errors)
    return exit_code, errors.read_text()


@pytest.fixture
def max_steps():
    return 6


@pytest.fixture
def recipe_path(recipe, clips, tmp_path, max_steps):
    config = recipe(
        loop={"max_steps": max_steps, "accumulation": 2, "batch_size": 3},
        eval_data={"path": str(clips / "val.json"), "videos": str(clips)},
        evaluation=EVALUATION,
        augmentation={"brightness": 0.1, "flip": 0.5},
        save={"every_steps": 2},
        # Decoded once: a new process starts its own readers, which takes longer than its steps.
        frame_cache={"enabled": True, "folder": str(tmp_path / "frames")},
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(dump_config(config))
    return path


def outcome(run):
    history = read_history(run.training_log)
    steps = [(record["step"], record["loss"], record["grad_norm"], record["learning_rate"]) for record in history.steps]
    evaluations = [(record["step"], record["metrics"]) for record in history.evaluations]
    return steps, evaluations, sha256_file(run.best / "adapter_model.safetensors")


@pytest.fixture
def undisturbed(recipe_path, tmp_path):
    run = RunDirectory(tmp_path / "undisturbed")
    finish(recipe_path, run)
    return outcome(run)


def finish(recipe_path, run):
    """The same command once more, in this process: the kill is behind us."""
    child.main(str(recipe_path), str(run.path), "none")


def kill_then_finish(points, recipe_path, run):
    for point in points:
        exit_code, said = train_in_child(recipe_path, run, point)
        assert exit_code == -signal.SIGKILL, said
    finish(recipe_path, run)


@pytest.mark.parametrize("points", [("step:5",), ("write:9",)])
def test_a_killed_run_ends_as_if_it_had_not_been_killed(points, recipe_path, tmp_path, undisturbed):
    run = RunDirectory(tmp_path / "killed")
    kill_then_finish(points, recipe_path, run)

    assert outcome(run) == undisturbed
    assert not list(run.path.rglob("*.part"))


def test_a_full_disk_stops_the_run_by_name_and_the_same_command_ends_it(recipe_path, tmp_path, undisturbed):
    run = RunDirectory(tmp_path / "full")
    exit_code, said = train_in_child(recipe_path, run, "full:5")

    assert exit_code == 75, said
    assert "error[disk_full]: " in said
    assert re.search(r"(step|best)-000006 needs [\d,]+ bytes", said)
    assert "bytes are free there" in said
    assert sorted(path.name for path in run.checkpoints.glob("step-*")) == ["step-000002", "step-000004"]
    finish(recipe_path, run)
    assert outcome(run) == undisturbed
    assert not list(run.path.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_again_and_again_ends_the_same(recipe_path, tmp_path, undisturbed):
    run = RunDirectory(tmp_path / "killed")
    kill_then_finish(("step:1", "rename:1", "step:3", "write:2", "rename:2"), recipe_path, run)

    assert outcome(run) == undisturbed


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("max_steps", [4])  # two checkpoints and one measurement: further ones repeat them
@pytest.mark.parametrize("kind", ["step", "write", "rename"])
def test_a_run_killed_at_every_point_in_turn_ends_the_same(kind, recipe_path, tmp_path, undisturbed):
    for number in range(1, 60):
        run = RunDirectory(tmp_path / f"{kind}{number}")
        exit_code, said = train_in_child(recipe_path, run, f"{kind}:{number}")
        if exit_code == 0:
            assert number > 3, "the kill never happened"
            return
        assert exit_code == -signal.SIGKILL, said
        finish(recipe_path, run)
        assert outcome(run) == undisturbed
