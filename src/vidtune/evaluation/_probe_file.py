"""Where the result of a probe lies in a run directory, and whether it belongs to the predictions there."""

from __future__ import annotations

from typing import Any

from vidtune.core.durable import read_json
from vidtune.core.rundir import RunDirectory

SCHEMA = 1
VIDEO = "video"
"""The probe that there is: conditions of what is shown."""


def read_probe(run: RunDirectory) -> dict[str, Any] | None:
    """Return the result of the video probe that lies in a run directory; None where there is none."""
    path = run.probe(VIDEO)
    record = read_json(path) if path.is_file() else None
    return record if isinstance(record, dict) and record.get("schema") == SCHEMA else None
