"""The points of the holistic judge, for the column that the QVED pipeline has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import VidtuneError
from vidtune.reports._view import RunView

LABEL = "LLM Accuracy (1-5)"
_FILES = "holistic.*.json"
_FIELD = "overall"
_THRESHOLDS = {"green": 4.0, "yellow": 3.0}


@dataclass(frozen=True)
class Judged:
    """One judge's points on a scale from 1 to 5."""

    summary: Mapping[str, Any]
    """Shaped as the summary of a score in ``metrics.json``."""

    by_sample: Mapping[str, float]


def read_judged(view: RunView) -> Judged | None:
    """Return the points of the first holistic judge of these predictions, or None where there is none."""
    for path in sorted((view.run.path / "judge").glob(_FILES)):
        try:
            value = read_json(path)
            scores = value["scores"][_FIELD]
            rows = RecordLog(path.with_suffix(".jsonl")).read()
        except (VidtuneError, KeyError, TypeError):
            continue  # said in the section about judges
        if value.get("predictions_sha256") != view.metrics["predictions_sha256"]:
            continue
        points = {
            str(row["sample_id"]): float(row["scores"][_FIELD])
            for row in rows
            if row.get("role") == "sample" and row.get("scores")
        }
        label = f"{LABEL}: judge failed its controls" if has_failed(value) else LABEL
        extra = {"label": label, "kind": "score", "thresholds": _THRESHOLDS, "baselines": {}}
        return Judged({**scores, **extra}, points)
    return None


def has_failed(value: Mapping[str, Any]) -> bool:
    """Return whether a judge failed its controls, by its file."""
    verdict = value.get("verdict")
    return isinstance(verdict, Mapping) and verdict.get("status") == "failed"
