"""What a run costs: time, memory and size, from what its files say. What they do not say is not guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidtune.reports._view import RunView

_MEMORY_KEYS = ("peak_memory_bytes", "peak_memory", "max_memory_bytes", "max_memory_allocated_bytes")
_PARAMETER_KEYS = ("num_parameters", "parameters")


@dataclass(frozen=True)
class Cost:
    """None: the run does not say."""

    latency_s: float | None
    """Mean time of a sample, all stages."""

    latency_p95_s: float | None
    tokens_per_s: float | None
    peak_memory_bytes: float | None
    num_parameters: float | None
    visual_tokens: float | None
    """Mean of a sample."""

    device: str


def read_cost(view: RunView) -> Cost:
    """Return the costs of a run."""
    totals_s = [
        row.record["timings_s"]["total"] for row in view.rows if row.is_ok and "total" in row.record["timings_s"]
    ]
    tokens = [row.record["num_visual_tokens"] for row in view.rows if row.record["num_visual_tokens"]]
    rate = (view.metrics.get("timing") or {}).get("tokens_per_s") or {}
    environment = view.environment
    return Cost(
        latency_s=float(np.mean(totals_s)) if totals_s else None,
        latency_p95_s=float(np.quantile(totals_s, 0.95)) if totals_s else None,
        tokens_per_s=rate.get("mean"),
        peak_memory_bytes=_find(environment, _MEMORY_KEYS),
        num_parameters=_find(environment, _PARAMETER_KEYS),
        visual_tokens=float(np.mean(tokens)) if tokens else None,
        device=" ".join(str(environment[key]) for key in ("device", "dtype") if environment.get(key)),
    )


def _find(value: Any, keys: tuple[str, ...]) -> float | None:
    """Return the first number under one of ``keys``, at any depth."""
    for found in _walk(value):
        for key in keys:
            one = found.get(key)
            if isinstance(one, int | float) and not isinstance(one, bool):
                return float(one)
    return None


def _walk(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for one in value.values():
            yield from _walk(one)
