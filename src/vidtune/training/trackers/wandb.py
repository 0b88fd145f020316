"""Weights & Biases. Offline unless the recipe says otherwise: ``wandb sync`` sends such a run later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vidtune.config import Config
from vidtune.training._tracking import Board, TrackedRun, require_library


class WandbOptions(Config):
    """Settings of wandb."""

    mode: Literal["offline", "online"] = "offline"
    """`offline`: files below the run directory. `online`: sent while the run goes on, with the account of this
    machine's user."""

    entity: str | None = None
    """User or team. None: the account's own."""

    tags: tuple[str, ...] = ()
    """Words to find the run by."""


class _Board:
    """See ``Board``."""

    def __init__(self, run: Any) -> None:
        self._run = run
        # An axis of our own: after a kill some steps are logged again, and wandb's own counter would drop them.
        run.define_metric("step", hidden=True)
        run.define_metric("*", step_metric="step")

    def log(self, step: int, curves: Mapping[str, float]) -> None:
        self._run.log({"step": step, **curves})

    def close(self, *, has_failed: bool) -> None:
        self._run.finish(exit_code=int(has_failed))


class _Wandb:
    """See ``Tracker``."""

    options_class = WandbOptions

    def check(self, options: WandbOptions) -> None:
        require_library("wandb", tracker="wandb")

    def open(self, run: TrackedRun, options: WandbOptions) -> Board:
        import wandb

        return _Board(
            wandb.init(
                id=run.run_id,
                resume="allow",
                project=run.project,
                name=run.name,
                entity=options.entity,
                tags=list(options.tags) or None,
                mode=options.mode,
                dir=str(run.folder),
                config=dict(run.recipe),
                # Numbers only: no code, no terminal output, nothing about the machine.
                settings=wandb.Settings(
                    silent=True,
                    console="off",
                    disable_git=True,
                    disable_code=True,
                    save_code=False,
                    x_disable_stats=True,
                    x_disable_machine_info=True,
                ),
            )
        )


TRACKER = _Wandb()
