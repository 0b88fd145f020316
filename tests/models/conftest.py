"""A tiny checkpoint, loaded once for this room's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.tiny import make_tiny_folder

from vidtune.models import LoadedModel, load_model

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_qwen2vl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete Qwen2-VL checkpoint with random weights; do not write into it."""
    return make_tiny_folder(tmp_path_factory.mktemp("tiny") / "qwen2vl")


@pytest.fixture(scope="session")
def tiny(tiny_qwen2vl_folder: Path) -> LoadedModel:
    """The tiny checkpoint, loaded; do not change it."""
    return load_model(tiny_qwen2vl_folder)


@pytest.fixture(scope="session")
def processor(tiny: LoadedModel) -> Any:
    return tiny.processor
