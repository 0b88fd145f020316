"""The certificate itself: what was compared, what was found, whether it holds; as JSON and as text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vidtune.core.durable import write_atomic, write_json
from vidtune.core.errors import BadData
from vidtune.core.wording import counted
from vidtune.inference.exports._config import Tolerance

JSON_FILE = "certificate.json"
TEXT_FILE = "certificate.txt"

_SCHEMA = 1


class CertificateFailed(BadData):
    """An export is further from what it was made of than its tolerance allows."""

    code = "certificate_failed"


@dataclass(frozen=True)
class StageRow:
    """One line of a certificate: a stage on the way from pixels to the answer."""

    name: str
    max_abs: float | None
    """Largest difference; None for a stage of whole tokens, and where nothing can be compared."""

    mean_abs: float | None
    relative: float | None
    is_within: bool
    note: str = ""


@dataclass(frozen=True)
class Cause:
    """Why two models differ, by name."""

    name: str
    """``frame_order``, ``channel_order``, ``padding_side``, ``prompt``, ``frame_size``, ``adapter_dropped`` …"""

    detail: str


@dataclass(frozen=True)
class Side:
    """One of the two that were compared."""

    name: str
    dtype: str
    size_bytes: int | None
    """On disk; None where it is not one folder."""


@dataclass(frozen=True)
class Certificate:
    """How far a candidate is from its reference, stage by stage, on real questions."""

    reference: Side
    candidate: Side
    samples: tuple[str, ...]
    frames_per_sample: tuple[int, ...]
    tolerance: Tolerance
    stages: tuple[StageRow, ...]
    """In the order from pixels to answer."""

    max_logit_difference: float | None
    """From the last token of the prompt on, over the reference's own answer; None when they cannot be compared."""

    mean_logit_difference: float | None
    same_best_token: float | None
    """Share of those positions at which both find the same token most likely."""

    num_same_answers: int
    mean_same_tokens: float
    """Mean share of an answer's tokens before the first that differs."""

    causes: tuple[Cause, ...]
    notes: tuple[str, ...] = ()

    @property
    def first_divergent_stage(self) -> str | None:
        """The first stage that is further apart than allowed; None when none is."""
        return next((row.name for row in self.stages if not row.is_within), None)

    @property
    def has_passed(self) -> bool:
        """Whether every stage is within the tolerance."""
        return self.first_divergent_stage is None and not self.causes

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values; what could not be compared is null."""
        record = asdict(self) | {
            "schema": _SCHEMA,
            "passed": self.has_passed,
            "first_divergent_stage": self.first_divergent_stage,
            "tolerance": self.tolerance.model_dump(mode="json"),
        }
        return {key: _finite(value) for key, value in record.items()}

    def to_text(self) -> str:
        """Return it for people."""
        lines = [
            f"certificate: {'passed' if self.has_passed else 'FAILED'}",
            f"reference    {_describe(self.reference)}",
            f"candidate    {_describe(self.candidate)}",
            f"asked        {counted(len(self.samples), 'question')}, {_frames(self.frames_per_sample)} each",
            "",
            f"{'stage':34}{'max':>11}{'mean':>11}{'relative':>11}",
        ]
        lines += [_line(row) for row in self.stages]
        tolerance = self.tolerance
        lines += [
            "",
            f"allowed      stages {tolerance.stage_relative:g} relative, logits {tolerance.max_logit_difference:g} at "
            f"most and {tolerance.mean_logit_difference:g} in the mean, at least "
            f"{tolerance.min_same_best_token:.0%} same best token and {tolerance.min_same_answers:.0%} same answers",
            f"answers      {self.num_same_answers} of {len(self.samples)} the same; on average the first "
            f"{self.mean_same_tokens:.0%} of an answer's tokens agree"
            + (f"; {self.same_best_token:.1%} same best token" if self.same_best_token is not None else ""),
        ]
        if self.first_divergent_stage is not None:
            lines.append(f"diverges     first at: {self.first_divergent_stage}")
        lines += [f"cause        {cause.name}: {cause.detail}" for cause in self.causes]
        lines += [f"note         {note}" for note in self.notes]
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """Write it into ``folder``, as JSON and as text."""
        write_json(folder / JSON_FILE, self.to_record())
        write_atomic(folder / TEXT_FILE, self.to_text() + "\n")

    def require(self, remedy: str) -> None:
        """Return if it has passed.

        Raises:
            CertificateFailed: If not; it names the first divergent stage and every cause found.
        """
        if self.has_passed:
            return
        causes = "; ".join(f"{cause.name}: {cause.detail}" for cause in self.causes) or "no cause found by name"
        raise CertificateFailed(
            f"{self.candidate.name} differs from {self.reference.name}, "
            f"first at {self.first_divergent_stage} ({causes}).",
            remedy,
        )


def _describe(side: Side) -> str:
    size = "" if side.size_bytes is None else f", {side.size_bytes / 1e6:,.1f} MB on disk"
    return f"{side.name} ({side.dtype}{size})"


def _line(row: StageRow) -> str:
    figures = "".join(
        f"{'-' if value is None or not math.isfinite(value) else f'{value:.2e}':>11}"
        for value in (row.max_abs, row.mean_abs, row.relative)
    )
    mark = "" if row.is_within else "  <- differs"
    return f"{row.name:34}{figures}{mark}{f'  {row.note}' if row.note else ''}".rstrip()


def _frames(numbers: tuple[int, ...]) -> str:
    low, high = min(numbers), max(numbers)
    return counted(low, "frame") if low == high else f"{low} to {high} frames"


def _finite(value: Any) -> Any:
    """Return a JSON value in which what is not a finite number is null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
