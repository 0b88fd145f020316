"""What a process does that trains, and kills itself at a named point.

POINT is ``none``, ``step:N`` (after the Nth step of this process), ``write:N`` (in the Nth flush to disk, wherever that
is: within a checkpoint, the log, or the result), or ``rename:N`` (before the Nth folder is renamed into place).
``full:N`` lets the system refuse files of more than a few kilobytes from the Nth step on, as a full disk does, and
``hang:N`` never returns from it.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import vidtune.cli
from vidtune.cli._evaluator import generated_metrics
from vidtune.config import load_recipe
from vidtune.core.rundir import RunDirectory
from vidtune.training import TrainConfig, train


def main(recipe: str, run: str, point: str) -> None:
    kind, _, number = point.partition(":")
    countdown = _Countdown(int(number or 0))

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        if kind == "step" and stage == "train":
            countdown.tick()
        if kind == "full" and stage == "train" and done == int(number):
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        if kind == "hang" and stage == "train" and done == int(number):
            time.sleep(3600)

    if kind == "write":
        _kill_in(os, "fsync", countdown)
    if kind == "rename":
        _kill_in(Path, "rename", countdown)
    train(load_recipe(TrainConfig, Path(recipe)), RunDirectory(Path(run)), evaluator=_count_words, progress=progress)


def learn(recipe: str, run: str) -> None:
    """Train as the command line does, in one process or as one of those that share a run."""
    train(load_recipe(TrainConfig, Path(recipe)), RunDirectory(Path(run)), evaluator=generated_metrics)


def program(*arguments: str) -> None:
    """Be the command line, without the time that it takes to import what it needs."""
    sys.argv = ["vidtune", *arguments]
    vidtune.cli.main()


def _count_words(loaded, samples, framesets, max_new_tokens):
    """A stand-in for generated metrics that depends on the trained weights."""
    norm = sum(float(p.detach().double().norm()) for p in loaded.model.parameters() if p.requires_grad)
    return {"weight_norm": norm, "num_samples": float(len(samples))}


class _Countdown:
    def __init__(self, number: int) -> None:
        self._left = number

    def tick(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _kill_in(owner: object, name: str, countdown: _Countdown) -> None:
    original = getattr(owner, name)

    def wrapped(*args):
        countdown.tick()
        return original(*args)

    setattr(owner, name, wrapped)
