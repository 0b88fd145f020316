"""What a training run came to, in numbers and in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_COLOUR = re.compile(r"\x1b\[\d+m")


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

    tower_parameters: Mapping[str, int] = field(default_factory=dict)
    """All weights by tower, the adapter's included."""

    supervision: str = ""
    """After a dry run: what would be learned from some samples, in a terminal's colours."""

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        values = asdict(self)
        return {
            **values,
            "run": str(self.run),
            "result": str(self.result) if self.result else None,
            "notes": list(self.notes),
            "supervision": _COLOUR.sub("", self.supervision),
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
            lines += self._tower_lines()
        if self.final_loss is not None:
            lines.append(f"Loss      {self.final_loss:.4f} over the last steps")
        if self.best_value is not None:
            lines.append(f"Best      {self.metric} {self.best_value:.4f} at step {self.best_step:,}")
        lines += [f"Note      {note}" for note in self.notes]
        lines += [self.supervision] * bool(self.supervision)
        lines.append(f"Result    {self.result}" if self.result else "Dry run   nothing was trained or written")
        return "\n".join([*lines, f"Time      {self.seconds:.0f} s"])

    def _tower_lines(self) -> list[str]:
        """Return a table with a line for every tower: what of it is trained, and MiB that stay in memory for it.

        Activations are not counted.
        """
        parts = ("weights", "gradients", "optimizer")
        rows: dict[str, list[int]] = {
            tower: [self.num_trained[tower], self.tower_parameters[tower], *(num_bytes[part] for part in parts)]
            for tower, num_bytes in self.tower_bytes.items()
        }
        if not rows:
            return []
        rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
        heads = "".join(f"{part + ' MiB':>15}" for part in parts)
        lines = [f"Towers    {'':10}{'trained':>14}{'of weights':>16}{heads}"]
        for tower, (trained, total, *sizes) in rows.items():
            told = "".join(f"{size / 2**20:15,.2f}" for size in sizes)
            lines.append(f"{'':10}{tower:10}{trained:14,}{total:16,}{told}")
        return lines

    def _dropped_text(self) -> str:
        if not self.dropped:
            return ""
        reasons = ", ".join(f"{count} {code}" for code, count in sorted(self.dropped.items()))
        return f"; left out: {reasons} (see dropped.jsonl)"
