"""trackio: a database of this machine's user, shown by ``trackio show``; or the Space that the recipe names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from vidtune.config import Config
from vidtune.training._tracking import Board, TrackedRun, require_library

_SENDS = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_WEBHOOK_URL")
"""Variables by which the library would send without being told to."""


class TrackioOptions(Config):
    """Settings of trackio."""

    space: str | None = None
    """A Hugging Face Space, `owner/name`, to send to. None: only this machine."""


class _Board:
    """See ``Board``."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, step: int, curves: Mapping[str, float]) -> None:
        self._run.log(dict(curves), step=step)

    def close(self, *, has_failed: bool) -> None:
        import trackio

        # Not the run's own method: the library would finish it once more, aloud, at the end of the process.
        trackio.finish()


class _Trackio:
    """See ``Tracker``."""

    options_class = TrackioOptions

    def check(self, options: TrackioOptions) -> None:
        require_library("trackio", tracker="trackio")

    def open(self, run: TrackedRun, options: TrackioOptions) -> Board:
        with _told_by_nothing_but_the_recipe():
            import trackio

            return _Board(
                trackio.init(
                    project=run.project,
                    # It knows runs by their name alone; two directories may be called alike.
                    name=f"{run.name}-{run.run_id[:8]}",
                    space_id=options.space,
                    config=dict(run.recipe),
                    resume="allow",
                    embed=False,
                    auto_log_cpu=False,
                    auto_log_gpu=False,
                )
            )


@contextmanager
def _told_by_nothing_but_the_recipe() -> Iterator[None]:
    before = {name: os.environ.pop(name) for name in _SENDS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


TRACKER = _Trackio()
