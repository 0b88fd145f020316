"""Training that is stopped and taken up again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vidtune.core.rundir import RunDirectory
from vidtune.training import TrainConfig, train


def train_with_stops(config: TrainConfig, run: RunDirectory, stops_at: Sequence[int]) -> None:
    """Train to the end; before that, stop after each of these steps and begin again."""
    for stop_at in stops_at:

        def stop(stage: str, done: int, total: int, note: str = "", stop_at: int = stop_at) -> None:
            if stage == "train" and done == stop_at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(config, run, progress=stop)
    train(config, run)
