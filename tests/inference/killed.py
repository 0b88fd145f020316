"""Runs that kill themselves when enough was answered, in a process of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch

from vidtune.config import load_recipe
from vidtune.core.progress import Progress
from vidtune.core.rundir import RunDirectory
from vidtune.inference import PredictConfig, predict_conditions, predict_dataset


def predict(recipe: Path, run: Path, num_records: int) -> None:
    """Answer what ``recipe`` asks, until ``num_records`` samples have their answer."""
    torch.set_num_threads(1)
    config = load_recipe(PredictConfig, recipe)
    predict_dataset(config, RunDirectory(run), progress=_dying("predict", num_records))


def probe(run: Path, num_done: int) -> None:
    """Ask under two conditions, until ``num_done`` answers are there."""
    torch.set_num_threads(1)
    run_directory = RunDirectory(run)
    names = ["blank", "reversed"]
    predict_conditions(run_directory, run_directory.probes / "video", names=names, progress=_dying("probe", num_done))


def _dying(in_stage: str, at: int) -> Progress:
    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == in_stage and done >= at:
            os.kill(os.getpid(), signal.SIGKILL)

    return progress
