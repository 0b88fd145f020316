"""TensorBoard: event files in the run directory, shown by ``tensorboard --logdir runs``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
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
        _leave_the_second_of_the_last_file(folder)
        # purge_step hides what an earlier, killed process wrote beyond the checkpoint that this one starts from.
        return _Board(SummaryWriter(str(folder), purge_step=run.first_step))


def _leave_the_second_of_the_last_file(folder: Path) -> None:
    """Wait, at most a second, until a new event file sorts behind those that are there.

    TensorBoard reads them in the order of their names: the second in which each was made, the host, the process and a
    number of the writer, as text. Of two made within one second the later may sort first, and the steps of the earlier
    would then be hidden or come twice.
    """
    while folder.is_dir() and any(folder.glob(f"events.out.tfevents.{int(time.time()):010d}.*")):
        time.sleep(0.02)


TRACKER = _TensorBoard()
