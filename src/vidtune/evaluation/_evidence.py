"""What the checks of trust look at, and what one of them finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vidtune.data import NearCopies
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._reference import ReferenceSet
from vidtune.metrics import ExerciseCatalogue

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    status: Status
    message: str


@dataclass(frozen=True)
class Evidence:
    """What the checks look at."""

    samples: tuple[Prediction, ...]
    reference: ReferenceSet
    cluster: str
    num_clusters: int
    rows: dict[str, dict[str, Any]]
    """Rows of ``metrics.json`` by metric."""
    scores: tuple[dict[str, Any], ...]
    """Records of ``scores.jsonl``."""
    num_expected: int | None = None
    """Samples that the prediction run was asked for."""
    predictions_sha256: str = ""
    """Of the predictions that are judged."""
    probe: Mapping[str, Any] | None = None
    """What a probe of the video found, as ``probes/video.json`` has it; None where there was none."""
    near_copies: NearCopies | None = None
    """Clips of training and evaluation that show the same; None where the clips were not looked at."""
    not_looked: str = ""
    """Why they were not."""
    catalogue: ExerciseCatalogue | None = None
    """The exercises that answers can name."""

    @property
    def answered(self) -> list[Prediction]:
        """Samples with an answer."""
        return [sample for sample in self.samples if sample.is_ok]
