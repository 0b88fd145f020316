"""What a run was made with, beside its recipe, and what it may use."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Any


def describe_environment(packages: Iterable[str]) -> dict[str, Any]:
    """Return Python, platform, and the versions of ``packages`` (``not installed`` where one is not)."""
    return {
        "schema": 1,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "machine": platform.machine(),
        "packages": {name: _version(name) for name in packages},
    }


def num_usable_cores() -> int:
    """Return the processor cores this process may use; in a container those are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
