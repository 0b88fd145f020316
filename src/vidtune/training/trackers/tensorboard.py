"""TensorBoard: event files in the run directory, shown by ``tensorboard --logdir runs``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.config import Config
from vidtune.core.rundir import RunDirectory
from vidtune.training._tracking import Board, TrackedRun


class TensorBoardOptions(Config):
    """It has none."""


class _Board:
    """See ``Board``."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def log(self, step: int, curves: Mapping[str, float]) -> None:
        for name, value in curves.items():
            self._writer.add_scalar(name, value, step)

    def close(self, *, has_failed: bool) -> None:
        self._writer.close()


class _TensorBoard:
    """See ``Tracker``."""

    options_class = TensorBoardOptions

    def check(self, options: TensorBoardOptions) -> None:
        """Return: its library comes with vidtune."""

    def open(self, run: TrackedRun, options: TensorBoardOptions) -> Board:
        from torch.utils.tensorboard import SummaryWriter

        folder = RunDirectory(run.folder).tensorboard
        # purge_step hides what an earlier, killed process wrote beyond the checkpoint that this one starts from.
        return _Board(SummaryWriter(str(folder), purge_step=run.first_step))


TRACKER = _TensorBoard()
