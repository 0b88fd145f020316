"""Whether an answer that says when something goes wrong says it right: hits at tolerances (RQ2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidtune.evaluation._corpus import Floats
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._scorer import ScoringContext
from vidtune.metrics import hits_within, parse_events

TOLERANCES_S = (0.5, 1.0, 2.0)
_TIME = re.compile(r"\b(?:at|around|near|from|after)\s+(\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds)?\b", re.IGNORECASE)


@dataclass(frozen=True)
class ErrorLocalisation:
    """Truth is the stretch (``start_s`` to ``end_s``) in which a clip shows its error."""

    label: str = "Form errors in time"

    def rows(
        self,
        texts: Sequence[str],
        samples: Sequence[Prediction],
        context: ScoringContext,
        values: Mapping[str, Sequence[float | None]],
    ) -> Floats | None:
        """Return that an error has a time, whether the answer gives one, and whether it hits at each tolerance."""
        rows_ns = np.zeros((len(samples), 2 + len(TOLERANCES_S)))
        for row, (text, sample) in enumerate(zip(texts, samples, strict=True)):
            span = span_of(sample.meta)
            if span is None or not sample.errors:
                continue
            said_s = times_in(text)
            hits = [hits_within(said_s, [span], tolerance) for tolerance in TOLERANCES_S] if said_s else []
            rows_ns[row, :2] = 1, bool(said_s)
            rows_ns[row, 2:] = hits or 0.0
        return rows_ns if rows_ns[:, 1].any() else None

    def values(self, totals_bs: Floats) -> Mapping[str, Floats]:
        """Return the share of errors with a time, and of those that are hit; an error without a time is a miss."""
        count = np.where(totals_bs[:, 0] > 0, totals_bs[:, 0], np.nan)
        found = {"error_timed_share": totals_bs[:, 1] / count}
        for place, tolerance in enumerate(TOLERANCES_S, start=2):
            found[f"error_hit_within_{tolerance:g}_s"] = totals_bs[:, place] / count
        return found

    def rests_on(self, rows_ns: Floats) -> dict[str, NDArray[np.bool_]]:
        """Return the answers about clips that show an error at a known time."""
        return dict.fromkeys(self.values(rows_ns[:1]), rows_ns[:, 0] > 0)


def span_of(meta: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return when a clip shows its error, or None where nothing says it."""
    start_s, end_s = meta.get("start_s"), meta.get("end_s")
    if isinstance(start_s, int | float) and isinstance(end_s, int | float):
        return float(start_s), float(end_s)
    return None


def times_in(text: str) -> list[float]:
    """Return the moments that a text speaks of, in seconds."""
    events, _ = parse_events(text)
    moments = [(event.start_s + event.end_s) / 2 if event.end_s is not None else event.start_s for event in events]
    return moments or [float(found) for found in _TIME.findall(text)]


METRIC = ErrorLocalisation()
