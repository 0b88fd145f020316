"""Checkpoints that are whole or absent, hold no pickle, and say so when they were damaged.

A checkpoint is written to a folder whose name ends in ``.part``, every file is flushed to the disk, a manifest of sizes
and hashes is added, and one rename makes it count. A reader trusts no folder without a manifest that holds.

    checkpoints/
      step-000120/         weights.safetensors optimizer.safetensors state.json manifest.json
      best-000100/         the result as it would be delivered, at the best measurement so far
      step-000110.damaged  set aside because a file did not match its manifest
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vidtune.core.durable import fsync_folder, raise_if_disk_full, read_json, write_json
from vidtune.core.errors import DiskFull, RunCorrupt, VidtuneError
from vidtune.core.hashing import sha256_file

_MANIFEST = "manifest.json"
_WEIGHTS = "weights.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_STATE = "state.json"
_STEP = re.compile(r"step-(\d+)")
_BEST = re.compile(r"best-(\d+)")
_SCHEMA = 1


@dataclass(frozen=True)
class TrainState:
    """Where a run stands after ``step`` steps, besides its tensors.

    There is no random state in it: every step seeds its own, so nothing random is carried from one to the next.
    """

    step: int
    data_sha256: str
    """Of what is learned from; a run continues only on the same samples."""

    best_step: int | None = None
    best_value: float | None = None
    num_without_better: int = 0
    """Measurements since the best one."""

    is_stopped: bool = False
    """Whether patience ran out at this step."""

    num_collapsed: int = 0
    """Measurements in a row, up to this step, in which all answers were alike."""

    loss_scale: float = 65536.0
    """By which the loss is multiplied in fp16."""

    num_good_steps: int = 0
    """Steps since the scale last changed."""


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint, in memory."""

    state: TrainState
    weights: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, torch.Tensor]


class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        path: Their folder; made on first use.
        keep: How many steps stay.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        self._keep = keep

    def require_space(self, trained_bytes: int, result_bytes: int) -> None:
        """Check that a whole run fits: all checkpoints that stay and one being written, and two results.

        Raises:
            DiskFull: If it does not; better now than after hours.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        _require_space(self.path / "step", run_bytes(self._keep, trained_bytes, result_bytes))

    def clean(self) -> None:
        """Remove what a killed process left half written."""
        for leftover in self.path.glob("*.part"):
            shutil.rmtree(leftover)

    def write(
        self, state: TrainState, weights: Mapping[str, torch.Tensor], optimizer: Mapping[str, torch.Tensor]
    ) -> Path:
        """Write one checkpoint, then remove those that are no longer needed.

        Raises:
            DiskFull: If there is no room; earlier checkpoints are untouched and the half-written one is removed.
        """

        def fill(folder: Path) -> None:
            _save_tensors(folder / _WEIGHTS, weights)
            _save_tensors(folder / _OPTIMIZER, optimizer)
            write_json(folder / _STATE, {"schema": _SCHEMA, **asdict(state)})

        needed_bytes = sum(tensor.nbytes for part in (weights, optimizer) for tensor in part.values())
        written = publish_folder(self.path / f"step-{state.step:06d}", fill, needed_bytes)
        self._prune()
        return written

    def read_newest(self, report: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest checkpoint that holds; damaged ones are reported and set aside. None if there is none.

        Raises:
            RunCorrupt: If there are checkpoints and all of them are damaged.
        """
        folders = self._steps()
        for folder in reversed(folders):
            try:
                verify_folder(folder)
                return _load(folder)
            except VidtuneError as exc:
                aside = folder.with_name(folder.name + ".damaged")
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)
                report(f"{exc.problem} It is set aside as {aside.name} and the checkpoint before it is used.")
        if folders:
            raise RunCorrupt(
                f"all {len(folders)} checkpoints in {self.path} are damaged; see the *.damaged folders there.",
                "Restore one from a copy, or delete the run directory to begin anew.",
            )
        return None

    def write_best(self, step: int, fill: Callable[[Path], None], needed_bytes: int) -> Path:
        """Write the deliverable weights of ``step``; older ones stay until the next checkpoint is safe."""
        return publish_folder(self.best_path(step), fill, needed_bytes)

    def best_path(self, step: int) -> Path:
        """Return where the deliverable weights of ``step`` lie."""
        return self.path / f"best-{step:06d}"

    def _steps(self) -> list[Path]:
        return sorted(folder for folder in self.path.glob("step-*") if _STEP.fullmatch(folder.name))

    def _prune(self) -> None:
        steps = self._steps()
        for folder in steps[: -self._keep]:
            shutil.rmtree(folder)
        needed = {read_json(folder / _STATE)["best_step"] for folder in steps[-self._keep :]}
        for folder in self.path.glob("best-*"):
            match = _BEST.fullmatch(folder.name)
            if match and int(match[1]) not in needed:
                shutil.rmtree(folder)


def run_bytes(keep: int, trained_bytes: int, result_bytes: int) -> int:
    """Return what a run takes on disk: the checkpoints that stay and one being written, and two results."""
    one_checkpoint = 3 * trained_bytes  # the weights and AdamW's two moments
    return (keep + 1) * one_checkpoint + 2 * result_bytes


def publish_folder(target: Path, fill: Callable[[Path], None], needed_bytes: int) -> Path:
    """Let ``fill`` write files into a staged folder and make it ``target`` with one rename.

    Raises:
        DiskFull: If the files do not fit; nothing is left behind and ``target`` is as it was.
    """
    staged = target.with_name(target.name + ".part")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        _require_space(target, needed_bytes)
        fill(staged)
        for file in _files(staged):
            file.chmod(0o644)  # safetensors writes 0600; results are shared with colleagues
            _fsync_file(file)
        write_json(staged / _MANIFEST, _describe(staged))
    except (OSError, SafetensorError) as exc:
        shutil.rmtree(staged, ignore_errors=True)
        raise_if_disk_full(exc, target, needed_bytes)
        raise
    except VidtuneError:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    if target.exists():
        shutil.rmtree(target)
    staged.rename(target)
    fsync_folder(target.parent)
    return target


def verify_folder(folder: Path) -> None:
    """Check every file of a published folder against its manifest.

    Raises:
        RunCorrupt: Naming the file that is missing, has another size or another hash.
    """
    try:
        manifest = read_json(folder / _MANIFEST)["files"]
        entries = [(str(name), int(entry["size_bytes"]), str(entry["sha256"])) for name, entry in manifest.items()]
    except (VidtuneError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise RunCorrupt(f"{folder} has no manifest that can be read, so it is no whole checkpoint.") from exc
    for name, expected_bytes, sha256 in entries:
        path = folder / name
        if not path.is_file():
            raise RunCorrupt(f"{path} is missing, its manifest lists it.")
        size_bytes = path.stat().st_size
        if size_bytes != expected_bytes:
            raise RunCorrupt(f"{path} has {size_bytes:,} bytes, its manifest says {expected_bytes:,}.")
        if sha256_file(path) != sha256:
            raise RunCorrupt(f"{path} does not match the hash in its manifest: it was changed or damaged.")


def _load(folder: Path) -> Checkpoint:
    values: dict[str, Any] = read_json(folder / _STATE)
    schema = values.pop("schema", None)
    if schema != _SCHEMA:
        raise RunCorrupt(f"{folder / _STATE} is of schema {schema}, this vidtune writes {_SCHEMA}.")
    return Checkpoint(TrainState(**values), load_file(folder / _WEIGHTS), load_file(folder / _OPTIMIZER))


def _save_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)


def _describe(folder: Path) -> dict[str, Any]:
    files = {
        str(path.relative_to(folder)): {"size_bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in _files(folder)
    }
    return {"schema": _SCHEMA, "files": files}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _fsync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _require_space(target: Path, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(target.parent).free
    if needed_bytes > free_bytes:
        raise DiskFull(
            f"{target} needs {needed_bytes:,} bytes and {free_bytes:,} bytes are free there.",
            "Free some space and run the same command again; it continues where it stopped.",
        )
