"""SLURM scripts and Ray: other ways to start the processes of one run."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vidtune.cli import cli
from vidtune.config import dump_config
from vidtune.core.errors import BadUsage, ConfigInvalid
from vidtune.core.rundir import RunDirectory

from . import child
from .test_processes import outcome, wait_for


@pytest.fixture
def recipe_path(recipe, tmp_path):
    def write(**loop):
        path = tmp_path / "my recipe.yaml"
        path.write_text(dump_config(recipe(loop={"max_steps": 6, "accumulation": 2, "batch_size": 3, **loop})))
        return path

    return write


def invoke(*arguments):
    return CliRunner().invoke(cli, ["train", *map(str, arguments)], catch_exceptions=True)


def test_a_slurm_script_starts_one_launcher_a_node_with_the_whole_command(recipe_path, tmp_path):
    path, script = recipe_path(accumulation=4), tmp_path / "train.sbatch"
    found = invoke(path, "--out", "runs/a", "--set", "seed=3", "--slurm", script, "--nodes", 2, "--nproc", 2)

    assert found.exit_code == 0, found.output
    assert "2 nodes of 2 processes" in found.output
    text = script.read_text()
    assert "#SBATCH --nodes=2\n" in text
    assert "#SBATCH --gpus-per-node=2\n" in text
    assert f"-m vidtune train '{path}' --out runs/a --set seed=3\n" in text
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert not Path("runs/a").exists(), "nothing was trained"


def test_a_slurm_script_for_more_processes_than_there_is_work_is_refused(recipe_path, tmp_path):
    found = invoke(recipe_path(), "--slurm", tmp_path / "s", "--nodes", 2, "--nproc", 4)

    assert isinstance(found.exception, ConfigInvalid)
    assert "loop.accumulation=2 forward passes a step are dealt out to 8 processes" in str(found.exception)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--nodes", 2], "--nodes 2 has no effect without --slurm"),
        (["--min-nproc", 1], "--min-nproc 1 has no effect with --launcher torch"),
        (["--launcher", "ray", "--nproc", 2, "--min-nproc", 3], "at most --nproc"),
        (["--launcher", "ray", "--slurm", "s"], "both given"),
        (["--launcher", "ray", "--dry-run"], "Leave --launcher ray out"),
    ],
)
def test_options_without_an_effect_are_refused(options, message, recipe_path):
    found = invoke(recipe_path(), *options)

    assert isinstance(found.exception, BadUsage)
    assert message in str(found.exception)


def write_command(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_slurm_script_trains_on_two_nodes_what_one_process_learns(recipe_path, child_env, tmp_path):
    """SLURM's own commands are played by scripts that start both nodes on this machine."""
    path, script, cluster = recipe_path(), tmp_path / "train.sbatch", tmp_path / "bin"
    one, two = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    assert invoke(path, "--out", two.path, "--slurm", script, "--nodes", 2, "--nproc", 1).exit_code == 0
    cluster.mkdir()
    write_command(cluster, "scontrol", "echo localhost")
    write_command(cluster, "srun", 'shift; "$@" & "$@"; mine=$?; wait $! && exit $mine')
    write_command(cluster, "python", f'exec {sys.executable} "$@"')
    env = {
        **child_env,
        "PATH": f"{cluster}{os.pathsep}{child_env['PATH']}",
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NODELIST": "node[1-2]",
    }
    ended = subprocess.run(["bash", script], env=env, capture_output=True, text=True, timeout=300)

    assert ended.returncode == 0, ended.stderr
    child.learn(str(path), str(one.path))
    assert outcome(two) == outcome(one)


def ray_command(path, run, *options):
    return [sys.executable, "-m", "vidtune", "train", str(path), "--out", str(run.path), "--launcher", "ray", *options]


def ray_workers(run):
    """Process ids of Ray's training workers that have this run's log open."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            is_worker = b"RayTrainWorker" in (folder / "cmdline").read_bytes()
            if is_worker and any(str(run.path) in str(link.readlink()) for link in (folder / "fd").iterdir()):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ray_workers_learn_what_one_process_learns_although_one_is_killed(recipe_path, child_env, tmp_path):
    pytest.importorskip("ray")
    path = recipe_path(max_steps=60)
    one, two = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    options = ["--nproc", "2", "--min-nproc", "1"]
    process = subprocess.Popen(ray_command(path, two, *options), env=child_env, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (two.checkpoints / "step-000002").exists(), seconds=240)
    (victim,) = ray_workers(two)
    os.kill(victim, signal.SIGKILL)
    _, stderr = process.communicate(timeout=300)

    assert process.returncode == 0, stderr
    child.learn(str(path), str(one.path))
    assert outcome(two) == outcome(one)
    assert '"event":"resumed"' in two.training_log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_error_in_ray_workers_is_said_once_with_its_exit_status(recipe, clips, child_env, tmp_path):
    pytest.importorskip("ray")
    path = tmp_path / "recipe.yaml"
    data = {"path": str(clips / "none.json"), "videos": str(clips)}
    path.write_text(dump_config(recipe(data=data, loop={"accumulation": 2})))
    run = RunDirectory(tmp_path / "run")
    ended = subprocess.run(
        ray_command(path, run, "--nproc", "2"), env=child_env, capture_output=True, text=True, timeout=400
    )

    assert ended.returncode == 65, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("error[data_invalid]") or "error[data_invalid]" in ended.stderr
