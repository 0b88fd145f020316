"""Shared set-up: one torch thread, no way to a model hub, and the longest files first."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files whose long tests may take longest: else one process still works when the others are done."""
    allowed_s: Counter[Path] = Counter()
    for item in items:
        if item.get_closest_marker("slow"):
            limit = item.get_closest_marker("timeout")
            allowed_s[item.path] += limit.args[0] if limit else int(item.config.getini("timeout"))
    items.sort(key=lambda item: -allowed_s[item.path])
