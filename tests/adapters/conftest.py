"""A tiny checkpoint and a batch for it, made once for this room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.adapters.tuning import Bench, make_bench
from tests.models.tiny import make_tiny_folder

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen2-VL; do not write into it."""
    return make_tiny_folder(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="session")
def bench(base_folder: Path) -> Bench:
    """Batches, and what the family says of the towers."""
    return make_bench(base_folder)
