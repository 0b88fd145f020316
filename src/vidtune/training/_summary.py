"""What a training run came to, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrainSummary:
    """The outcome of ``train``."""

    run: Path
    result: Path | None
    """Folder of the adapter or model that the run delivers; None after a dry run."""

    num_samples: int
    dropped: Mapping[str, int]
    """How many samples were left out, by the code of the reason."""

    num_supervised_tokens: int
    """Tokens that are learned in one pass over the data."""

    num_steps: int
    num_steps_done: int
    is_stopped_early: bool
    num_trained: Mapping[str, int]
    """Weights that change, by tower."""

    num_parameters: int
    """All weights, the adapter's included."""

    precision: str
    final_loss: float | None
    """Mean of the last steps' training loss (at most 10)."""

    metric: str | None
    best_step: int | None
    best_value: float | None
    seconds: float
    """Of this call; a run that was taken up again took longer in all."""

    notes: tuple[str, ...]

    tower_bytes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By tower, what its weights, gradients and optimizer state take in memory."""

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        values = asdict(self)
        return {
            **values,
            "run": str(self.run),
            "result": str(self.result) if self.result else None,
            "notes": list(self.notes),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> TrainSummary:
        """Return what ``to_record`` was made from."""
        result = Path(record["result"]) if record["result"] else None
        return cls(**{**record, "run": Path(record["run"]), "result": result, "notes": tuple(record["notes"])})

    def to_text(self) -> str:
        """Return the summary for people."""
        num_trained = sum(self.num_trained.values())
        towers = ", ".join(f"{name} {number:,}" for name, number in self.num_trained.items() if number)
        lines = [
            f"Samples   {self.num_samples:,}, {self.num_supervised_tokens:,} supervised tokens" + self._dropped_text(),
            f"Trained   {num_trained:,} of {self.num_parameters:,} weights ({num_trained / self.num_parameters:.1%}: "
            f"{towers}), {self.precision}",
            f"Steps     {self.num_steps_done:,} of {self.num_steps:,}"
            + (" (stopped early: no better measurement)" if self.is_stopped_early else ""),
        ]
        if self.result is None:
            lines += self._memory_lines()
        if self.final_loss is not None:
            lines.append(f"Loss      {self.final_loss:.4f} over the last steps")
        if self.best_value is not None:
            lines.append(f"Best      {self.metric} {self.best_value:.4f} at step {self.best_step:,}")
        lines += [f"Note      {note}" for note in self.notes]
        lines.append(f"Result    {self.result}" if self.result else "Dry run   nothing was trained or written")
        return "\n".join([*lines, f"Time      {self.seconds:.0f} s"])

    def _memory_lines(self) -> list[str]:
        """Return a line for every tower: MiB of what stays in memory while it is trained, activations not counted."""
        return [
            f"Memory    {tower}: " + ", ".join(f"{what} {num / 2**20:,.1f} MiB" for what, num in parts.items())
            for tower, parts in self.tower_bytes.items()
        ]

    def _dropped_text(self) -> str:
        if not self.dropped:
            return ""
        reasons = ", ".join(f"{count} {code}" for code, count in sorted(self.dropped.items()))
        return f"; left out: {reasons} (see dropped.jsonl)"
