"""`vidtune train --nproc`: real processes on this machine that share one run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vidtune.config import dump_config
from vidtune.core.errors import ConfigInvalid
from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.training import read_history
from vidtune.training._world import World, require_work_for_all

from . import child, forked

MANY_STEPS = 2000


@pytest.fixture
def recipe_path(recipe, clips, tmp_path):
    def write(**changes):
        values = {
            "loop": {"max_steps": 5, "accumulation": 2, "batch_size": 3},
            "eval_data": {"path": str(clips / "val.json"), "videos": str(clips)},
            "evaluation": {"every_steps": 3, "max_new_tokens": 4},
            "augmentation": {"brightness": 0.1, "flip": 0.5},
            "save": {"every_steps": 2},
            # Decoded once: a new process starts its own readers, which takes longer than its steps.
            "frame_cache": {"enabled": True, "folder": str(tmp_path / "frames")},
        }
        path = tmp_path / "recipe.yaml"
        path.write_text(dump_config(recipe(**{**values, **changes})))
        return path

    return write


def outcome(run):
    history = read_history(run.training_log)
    steps = [(record["step"], record["loss"], record["grad_norm"], record["learning_rate"]) for record in history.steps]
    evaluations = [(record["step"], record["metrics"]) for record in history.evaluations]
    return steps, evaluations, sha256_file(run.best / "adapter_model.safetensors")


def wait_for(is_reached, seconds=120.0):
    end_s = time.monotonic() + seconds
    while not is_reached():
        assert time.monotonic() < end_s, "it never happened"
        time.sleep(0.1)


def workers_of(run):
    """Process ids of the workers of a run by rank; the launcher itself has no rank."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            is_ours = str(run.path).encode() in (folder / "cmdline").read_bytes()
            variables = (folder / "environ").read_bytes().split(b"\0") if is_ours else []
        except OSError:
            continue
        ranks = [value for name, _, value in (variable.partition(b"=") for variable in variables) if name == b"RANK"]
        if ranks:
            found[int(ranks[0])] = int(folder.name)
    return found


def test_two_processes_learn_to_the_last_bit_what_one_learns(recipe_path, tmp_path):
    one, two = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    path = recipe_path()
    child.learn(str(path), str(one.path))
    forked.run_world(child.learn, str(path), str(two.path), num_processes=2, folder=tmp_path / "said")

    assert outcome(two) == outcome(one)


@pytest.mark.slow
def test_so_do_those_that_the_command_starts_and_one_of_them_speaks(recipe_path, child_env, tmp_path):
    one, two = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    path = recipe_path()
    child.learn(str(path), str(one.path))
    command = [sys.executable, "-m", "vidtune", "train", str(path), "--out", str(two.path), "--nproc", "2"]
    ended = subprocess.run(command, env=child_env, capture_output=True, text=True, timeout=240)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Steps     5 of 5") == 1, "only the main process speaks"
    assert outcome(two) == outcome(one)


@pytest.mark.slow
def test_two_processes_that_share_prompts_learn_what_one_learns(recipe_path, clips, tmp_path):
    samples = json.loads((clips / "train.json").read_text())
    for place, sample in enumerate(samples):
        sample["video"] = f"clip_{place // 5:02d}.mp4"
    (tmp_path / "questions.json").write_text(json.dumps(samples))
    path = recipe_path(
        data={"path": str(tmp_path / "questions.json")},
        adapter={"dropout": 0.0},
        augmentation={},
        loop={"max_steps": 5, "accumulation": 2, "batch_size": 3, "share_prompts": True},
    )
    one, two = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    child.learn(str(path), str(one.path))
    forked.run_world(child.learn, str(path), str(two.path), num_processes=2, folder=tmp_path / "said")

    assert outcome(two) == outcome(one)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_by_name_and_the_run_goes_on(recipe_path, launched, tmp_path):
    whole, killed = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "killed")
    path = recipe_path(loop={"max_steps": 40, "accumulation": 2, "batch_size": 3}, eval_data=..., evaluation=...)
    process, errors = launched(path, killed)
    wait_for(lambda: (killed.checkpoints / "step-000002").exists())
    os.kill(workers_of(killed)[1], signal.SIGKILL)
    process.join(60)

    assert process.exitcode == 75
    assert "error[try_again]: process 1 of 0..1 was ended from outside (signal SIGKILL)" in errors.read_text()
    forked.run_world(child.learn, str(path), str(killed.path), num_processes=2, folder=tmp_path / "said")
    child.learn(str(path), str(whole.path))
    assert outcome(killed) == outcome(whole)


@pytest.mark.slow
def test_no_process_outlives_a_killed_launcher(recipe_path, launched, tmp_path):
    run = RunDirectory(tmp_path / "run")
    path = recipe_path(
        loop={"max_steps": MANY_STEPS, "accumulation": 2, "batch_size": 3}, eval_data=..., evaluation=...
    )
    process, _ = launched(path, run)
    wait_for(lambda: (run.checkpoints / "step-000002").exists())
    assert sorted(workers_of(run)) == [0, 1]
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL

    wait_for(lambda: not workers_of(run), seconds=20)


@pytest.mark.slow
def test_an_error_in_the_processes_is_said_once_with_its_exit_status(recipe_path, clips, launched, tmp_path):
    path = recipe_path(data={"path": str(clips / "none.json"), "videos": str(clips)})
    process, errors = launched(path, RunDirectory(tmp_path / "run"))
    process.join(240)
    said = errors.read_text()

    assert process.exitcode == 65
    assert said.count("error[data_invalid]") == 1
    assert "none.json" in said
    assert "Traceback" not in said


def test_a_step_with_less_work_than_processes_is_refused():
    require_work_for_all(2, World(0, 2))
    with pytest.raises(ConfigInvalid, match="loop.accumulation=1 .* dealt out to 2 processes. Set it to 2"):
        require_work_for_all(1, World(0, 2))


def test_work_is_dealt_out_in_turn():
    assert [list(World(rank, 3).share(range(8))) for rank in range(3)] == [[0, 3, 6], [1, 4, 7], [2, 5]]
