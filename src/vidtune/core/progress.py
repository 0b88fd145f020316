"""How long work reports that it goes on. The command line draws it; libraries stay silent."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the stage's name, how many units are done of how many, and a short note."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Report that ``done`` of ``total`` units of ``stage`` are finished."""


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Report nothing."""
