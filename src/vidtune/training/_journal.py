"""What a run says about itself while it runs: training.jsonl, the trackers' curves, and two pictures at the end.

training.jsonl is append-only. After a kill, steps since the last checkpoint are run again and appear twice; the later
line counts, and ``read_history`` returns each step once.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vidtune.core.durable import RecordLog, write_atomic
from vidtune.core.rundir import RunDirectory

_FLUSH_AFTER_S = 5.0


@dataclass(frozen=True)
class History:
    """The course of a run, each step once, in order."""

    steps: tuple[Mapping[str, Any], ...]
    """Records with step, epoch, loss, learning_rate, grad_norm, samples_per_s, tokens_per_s, memory_mib."""

    evaluations: tuple[Mapping[str, Any], ...]
    """Records with step and metrics."""


def read_history(path: Path) -> History:
    """Read a training.jsonl.

    Raises:
        RunCorrupt: If a line is damaged.
    """
    latest: dict[tuple[str, int], dict[str, Any]] = {}
    for record in RecordLog(path).read():
        if record["event"] in ("step", "evaluation"):
            latest[record["event"], record["step"]] = record
    ordered = [latest[key] for key in sorted(latest)]
    return History(
        tuple(record for record in ordered if record["event"] == "step"),
        tuple(record for record in ordered if record["event"] == "evaluation"),
    )


class Journal:
    """Writes the log of a run, and hands its curves to the trackers, inside a ``with`` block.

    Lines are kept for some seconds before they are made durable together: a flush to disk costs as much as a step of
    a small model, and what a kill takes is run again anyway.

    Args:
        run: Where the log is.
        show: Takes the values of curves at a step.
    """

    def __init__(self, run: RunDirectory, show: Callable[[int, Mapping[str, float]], None]) -> None:
        self._log = RecordLog(run.training_log)
        self._show = show
        self._waiting: list[dict[str, Any]] = []
        self._flushed_s = time.monotonic()

    def __enter__(self) -> Self:
        self._log.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        finally:
            self._log.__exit__(kind, value, trace)

    def add(self, event: str, step: int, values: Mapping[str, Any], curves: Mapping[str, float] | None = None) -> None:
        """Record an event; ``curves`` are what trackers draw of it."""
        self._waiting.append({"event": event, "step": step, **values})
        if curves:
            self._show(step, curves)
        if time.monotonic() - self._flushed_s > _FLUSH_AFTER_S:
            self.flush()

    def flush(self) -> None:
        """Make everything recorded so far durable."""
        if self._waiting:
            self._log.append_many(self._waiting)
            self._waiting.clear()
        self._flushed_s = time.monotonic()


def draw_curves(run: RunDirectory) -> list[Path]:
    """Draw the loss and the measurements of a run into its figures folder and return the files."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    history = read_history(run.training_log)
    folder = run.path / "figures"
    drawn = []

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = [record["step"] for record in history.steps]
    losses = [record["loss"] for record in history.steps]
    axes.plot(steps, losses, linewidth=0.7, alpha=0.4, color="tab:blue", label="training, each step")
    axes.plot(steps, _smooth(losses), linewidth=1.8, color="tab:blue", label="training, smoothed")
    measured = [record for record in history.evaluations if "loss" in record["metrics"]]
    if measured:
        held_out = [record["metrics"]["loss"] for record in measured]
        axes.plot([record["step"] for record in measured], held_out, "o-", color="tab:red", label="held out")
    axes.set(xlabel="step", ylabel="loss a supervised token (nats)", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    drawn.append(_save(figure, folder / "training_loss.png"))

    names = sorted({name for record in history.evaluations for name in record["metrics"]} - {"loss"})
    if names:
        figure = Figure(figsize=(7, 4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for name in names:
            points = [
                (record["step"], record["metrics"][name]) for record in history.evaluations if name in record["metrics"]
            ]
            axes.plot(*zip(*points, strict=True), "o-", label=name)
        axes.set(xlabel="step", ylabel="mean over held-out samples")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
        drawn.append(_save(figure, folder / "training_metrics.png"))
    return drawn


def memory_mib(device_type: str) -> float:
    """Return the memory in use: allocated on the device for CUDA, resident in this process otherwise."""
    if device_type == "cuda":
        import torch

        return float(torch.cuda.memory_allocated() / 2**20)
    try:
        num_pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0  # no /proc outside Linux
    return float(num_pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def _save(figure: Any, path: Path) -> Path:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=120, format="png")
    write_atomic(path, buffer.getvalue())
    return path


def _smooth(values: list[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average without the bias of its first values."""
    smoothed: list[float] = []
    total = norm = 0.0
    for value in values:
        total = weight * total + (1 - weight) * value
        norm = weight * norm + (1 - weight)
        smoothed.append(total / norm)
    return smoothed
