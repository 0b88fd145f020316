import errno
import json
import os
import random
import resource
import signal
import time

import pytest
import torch

from vidtune.core.errors import DiskFull, RunCorrupt
from vidtune.training import _checkpoint
from vidtune.training._checkpoint import CheckpointFolder, TrainState, verify_folder


def write(folder, step, best_step=None):
    weights = {"a": torch.full((4, 4), float(step)), "b": torch.arange(3, dtype=torch.bfloat16)}
    optimizer = {"exp_avg/a": torch.ones(4, 4), "step/a": torch.tensor(float(step))}
    return folder.write(TrainState(step, "data", best_step=best_step, best_value=0.5), weights, optimizer)


@pytest.fixture
def folder(tmp_path):
    return CheckpointFolder(tmp_path / "checkpoints", keep=2)


def test_what_was_written_comes_back(folder):
    write(folder, 3, best_step=2)
    found = folder.read_newest(pytest.fail)

    assert found.state == TrainState(3, "data", best_step=2, best_value=0.5)
    assert torch.equal(found.weights["a"], torch.full((4, 4), 3.0))
    assert found.weights["b"].dtype == torch.bfloat16
    assert found.optimizer["step/a"] == 3


def test_only_the_newest_stay_and_the_best_that_they_name(folder):
    for step in (1, 2, 3):
        folder.write_best(step, lambda path: (path / "x").write_text("x"), 1)
        write(folder, step, best_step=step)

    assert sorted(path.name for path in folder.path.iterdir()) == [
        "best-000002",
        "best-000003",
        "step-000002",
        "step-000003",
    ]


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_newest_checkpoint_is_refused_by_name_and_the_one_before_is_used(folder, name, damage):
    write(folder, 1)
    path = write(folder, 2) / name
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    if damage == "remove":
        path.unlink()
    told = []
    found = folder.read_newest(told.append)

    assert found.state.step == 1
    assert "step-000002" in told[0]
    assert (folder.path / "step-000002.damaged").is_dir()


def write_until_killed(path, rng):
    """Write checkpoints in a child process that is killed at a random moment after its first; return how it ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        folder = CheckpointFolder(path, keep=2)
        folder.clean()
        found = folder.read_newest(lambda note: None)
        step = 0 if found is None else found.state.step
        while True:
            step += 1
            write(folder, step)
            os.write(writer, b".")
    os.read(reader, 1)
    time.sleep(rng.uniform(0.0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.close(reader)
    os.close(writer)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_fifty_kills_at_random_leave_no_newest_checkpoint_that_cannot_be_used(folder):
    rng = random.Random(0)
    newest = 0
    for _ in range(50):
        assert write_until_killed(folder.path, rng) == -signal.SIGKILL
        notes = []
        found = folder.read_newest(notes.append)
        assert notes == [], "nothing was damaged, and no older one had to be taken"
        assert found.state.step > newest, "what was there is not lost"
        assert torch.equal(found.weights["a"], torch.full((4, 4), float(found.state.step)))
        newest = found.state.step
    folder.clean()
    assert not [path for path in folder.path.iterdir() if not path.name.startswith("step-")]


def test_no_whole_checkpoint_left_is_an_error_not_a_fresh_start(folder):
    (write(folder, 1) / "state.json").unlink()

    with pytest.raises(RunCorrupt, match="all 1 checkpoints"):
        folder.read_newest(lambda text: None)


def test_half_written_folders_are_removed(folder):
    write(folder, 1)
    (folder.path / "step-000002.part").mkdir()
    folder.clean()

    assert [path.name for path in folder.path.iterdir()] == ["step-000001"]


def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_half_written(folder, monkeypatch):
    write(folder, 1)

    def fsync(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DiskFull, match="step-000002"):
        write(folder, 2)

    assert [path.name for path in folder.path.iterdir()] == ["step-000001"]
    verify_folder(folder.path / "step-000001")


def test_too_little_room_is_seen_before_anything_is_written(folder, monkeypatch):
    class Usage:
        free = 10

    monkeypatch.setattr(_checkpoint.shutil, "disk_usage", lambda path: Usage)
    with pytest.raises(DiskFull, match="10 bytes are free"):
        write(folder, 1)

    assert list(folder.path.iterdir()) == []


def test_a_run_that_will_not_fit_is_refused_before_it_begins(folder, monkeypatch):
    class Usage:
        free = 1_000_000

    monkeypatch.setattr(_checkpoint.shutil, "disk_usage", lambda path: Usage)

    folder.require_space(trained_bytes=100_000, result_bytes=40_000)
    with pytest.raises(DiskFull, match="needs 1,080,000 bytes"):
        folder.require_space(trained_bytes=100_000, result_bytes=90_000)


def test_a_write_that_is_cut_short_by_the_system_is_named(folder):
    """RLIMIT_FSIZE gives short writes and EFBIG, in Python's files and in those that safetensors writes from Rust."""
    write(folder, 1)
    large = {"a": torch.ones(100_000)}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(DiskFull, match="step-000002 needs 400,000 bytes"):
            folder.write(TrainState(2, "data"), large, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert [path.name for path in folder.path.iterdir()] == ["step-000001"]
    folder.write(TrainState(2, "data"), large, {})
    assert folder.read_newest(pytest.fail).state.step == 2


def test_nothing_in_a_checkpoint_is_a_pickle(folder):
    path = write(folder, 1)

    assert sorted(file.name for file in path.iterdir()) == [
        "manifest.json",
        "optimizer.safetensors",
        "state.json",
        "weights.safetensors",
    ]
    assert json.loads((path / "manifest.json").read_text())["files"].keys() == {
        "optimizer.safetensors",
        "state.json",
        "weights.safetensors",
    }
