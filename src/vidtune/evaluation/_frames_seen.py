"""How many frames were asked for, how many the model saw, and how much of the clips that was."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from vidtune.evaluation._predictions import Prediction


def frames_block(samples: Sequence[Prediction]) -> dict[str, Any] | None:
    """Return counts over the answered samples whose records say which frames were shown; None where none does."""
    frames = [sample.frames for sample in samples if sample.frames]
    if not frames:
        return None
    coverages = [frame["coverage"] for frame in frames if frame.get("coverage") is not None]
    return {
        "num_clips": len(frames),
        "requested": _range([frame.get("requested", 0) for frame in frames]),
        "delivered": _range([frame.get("delivered", 0) for frame in frames]),
        "num_short": sum(frame.get("delivered", 0) < frame.get("requested", 0) for frame in frames),
        "num_padded": sum(frame.get("padded", 0) > 0 for frame in frames),
        "coverage": {"min": min(coverages), "median": statistics.median(coverages)} if coverages else None,
    }


def describe_frames(block: dict[str, Any] | None) -> str:
    """Return the block in a line; "" for none.

    Example:
        >>> describe_frames({"num_clips": 2, "requested": [8, 8], "delivered": [8, 8], "coverage": None})
        'frames a clip: 8 asked for, 8 shown'
    """
    if block is None:
        return ""
    requested, delivered = (_told(block[name]) for name in ("requested", "delivered"))
    coverage = block["coverage"]
    seen = f"; coverage {coverage['median']:.0%}, at least {coverage['min']:.0%}" if coverage else ""
    return f"frames a clip: {requested} asked for, {delivered} shown{seen}"


def _range(numbers: Sequence[int]) -> list[int]:
    return [min(numbers), max(numbers)]


def _told(bounds: Sequence[int]) -> str:
    low, high = bounds
    return f"{low}" if low == high else f"{low} to {high}"
