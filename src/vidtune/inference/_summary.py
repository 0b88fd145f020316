"""What a prediction run came to, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vidtune.core.rundir import RunDirectory
from vidtune.core.wording import counted


@dataclass(frozen=True)
class PredictSummary:
    """Counts and speed of one run directory."""

    run: Path
    num_samples: int
    """Samples that have a record, of this and of earlier attempts."""

    num_expected: int
    """Samples that the run is to have: those of this attempt's data, and those recorded before."""

    num_ok: int
    num_errors: int
    errors_by_code: Mapping[str, int]
    num_done_before: int
    """Records that were there already when this attempt began."""

    wall_s: float
    """Time of this attempt, from the first clip to the last record; loading the model is left out."""

    batch_size: int | None
    """Clips in a batch at the end: smaller than asked for when memory was short. None: nothing was left to do."""

    predictions: Path
    predictions_compat: Path
    notes: tuple[str, ...] = ()
    """What is not wrong but should be known, in sentences."""

    @property
    def num_new(self) -> int:
        """Samples that this attempt worked on."""
        return self.num_samples - self.num_done_before

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON."""
        record = asdict(self)
        paths = {name: str(record[name]) for name in ("run", "predictions", "predictions_compat")}
        return {**record, **paths, "errors_by_code": dict(self.errors_by_code), "wall_s": round(self.wall_s, 3)}

    def to_text(self) -> str:
        """Return the summary for people."""
        lines = [f"{self.num_ok} answered, {self.num_errors} with errors, of {counted(self.num_samples, 'sample')}"]
        if self.errors_by_code:
            lines[0] += ": " + ", ".join(f"{count} {code}" for code, count in sorted(self.errors_by_code.items()))
        if self.num_done_before:
            lines.append(f"{self.num_done_before} of them were done by an earlier attempt")
        if self.num_new and self.wall_s:
            lines.append(f"{self.num_new} in {self.wall_s:.1f} s, {self.num_new / self.wall_s:.1f} a second")
        lines += [f"predictions  {self.predictions}", f"             {self.predictions_compat}"]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)


def summarise(
    records: Sequence[Mapping[str, Any]],
    run: RunDirectory,
    *,
    num_expected: int,
    num_done_before: int,
    wall_s: float,
    batch_size: int | None,
    notes: Sequence[str] = (),
) -> PredictSummary:
    """Count ``records`` into a summary."""
    codes = Counter(str(record["error"]["code"]) for record in records if record["status"] == "error")
    return PredictSummary(
        run=run.path,
        num_samples=len(records),
        num_expected=num_expected,
        num_ok=len(records) - sum(codes.values()),
        num_errors=sum(codes.values()),
        errors_by_code=dict(codes),
        num_done_before=num_done_before,
        wall_s=wall_s,
        batch_size=batch_size,
        predictions=run.predictions,
        predictions_compat=run.predictions_compat,
        notes=tuple(notes),
    )
