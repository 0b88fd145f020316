"""Notices a run that goes on without learning, or that does not go on at all, and says at which samples.

A loss that is not a number is noticed by the loop itself (``LossNotFinite``).
"""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread, Timer
from types import TracebackType
from typing import Self

from vidtune.training._errors import TrainingHung
from vidtune.training._watch_config import WatchdogConfig

ANSWERS_ALIKE = "most_common_answer"
"""The metric by which an evaluator tells how alike the answers are: the share of samples with the most common one."""

_FEWEST_ANSWERS = 4
"""Fewer say nothing about whether all answers are alike."""

_STILL_STEPS = 10
"""So many steps in a row without any gradient are no accident."""

_LOOK_EVERY_S = 1.0
_LAST_WORDS_S = 10.0


class CollapseWatch:
    """Looks for a model that has stopped looking: one answer to everything, or steps that change nothing.

    Args:
        config: When it is called collapsed.
        references: The true answers of the held-out samples; where they are alike, the model's may be.
    """

    def __init__(self, config: WatchdogConfig, references: Sequence[str]) -> None:
        self._config = config
        commonest = max((references.count(text) for text in set(references)), default=0)
        self._allowed_share = commonest / len(references) if len(references) >= _FEWEST_ANSWERS else 1.0
        self._num_still = 0

    def see_answers(self, metrics: Mapping[str, float]) -> str | None:
        """Return in a sentence that the measured answers are alike where the true ones are not; None if not."""
        share = metrics.get(ANSWERS_ALIKE)
        if share is None or share < self._config.alike_share or self._allowed_share >= self._config.alike_share:
            return None
        return (
            f"{share:.0%} of the held-out samples got the same answer, of the true answers {self._allowed_share:.0%} "
            "are the same: the model answers without looking."
        )

    def see_step(self, grad_norm: float) -> str | None:
        """Return in a sentence that nothing is learned any more, once; None otherwise."""
        self._num_still = self._num_still + 1 if grad_norm == 0.0 else 0
        if self._num_still != _STILL_STEPS:
            return None
        return f"the gradient was exactly 0 in {_STILL_STEPS} steps in a row: nothing is learned any more."


class HangWatch:
    """Ends the process when nothing has happened for too long, inside a ``with`` block.

    What hangs cannot be interrupted from Python (a collective that waits for a lost machine, a dead disk), so the
    process is left at once. Checkpoints are whole at any time; the same command continues.

    Args:
        limit_s: Seconds between two signs of life. None: nothing is watched.
        report: Where the stacks of all threads are written.
    """

    def __init__(self, limit_s: float | None, report: Path) -> None:
        self._limit_s = limit_s
        self._report = report
        self._doing: tuple[str, Sequence[str]] = ("begin", ())
        self._silent_s = 0.0
        self._is_resting = False
        self._is_over = Event()
        self._thread = Thread(target=self._look, name="watch-for-hangs", daemon=True)

    def __enter__(self) -> Self:
        if self._limit_s is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()

    def alive(self, doing: str, sample_ids: Sequence[str] = (), *, may_last: bool = False) -> None:
        """Give a sign of life.

        Args:
            doing: What begins now, as it goes on after "in".
            sample_ids: On which samples.
            may_last: Whether it may take any time, as other people's code does.
        """
        self._doing = (doing, sample_ids)
        self._is_resting = may_last
        self._silent_s = 0.0

    def _look(self) -> None:
        limit_s = self._limit_s or 0.0
        seen_s = time.monotonic()
        while not self._is_over.wait(min(_LOOK_EVERY_S, limit_s / 4)):
            now_s = time.monotonic()
            # A process that was stopped and continued has not hung in between.
            self._silent_s += 0.0 if self._is_resting else min(now_s - seen_s, 2 * _LOOK_EVERY_S)
            seen_s = now_s
            if self._silent_s > limit_s:
                self._leave(limit_s)

    def _leave(self, limit_s: float) -> None:
        doing, sample_ids = self._doing
        which = f" with the sample(s) {', '.join(sample_ids)}" if sample_ids else ""
        error = TrainingHung(
            f"nothing has happened for {limit_s:g} s in {doing}{which}; the stacks of all threads are in "
            f"{self._report}.",
            "Look at these clips, or at the other processes of the run; the same command continues from the last "
            "checkpoint. loop.watchdog.hang_s sets the time.",
        )
        sys.stderr.write(f"\nerror[{error.code}]: {error}\n")
        sys.stderr.flush()
        # The disk itself may be what hangs.
        Timer(_LAST_WORDS_S, os._exit, [error.exit_status]).start()
        with self._report.open("a", encoding="utf-8") as file:
            file.write(f"{error}\n")
            file.flush()
            faulthandler.dump_traceback(file, all_threads=True)
        os._exit(error.exit_status)
