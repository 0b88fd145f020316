"""A tiny random Qwen2-VL, real small clips, and a data set over them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.media.writing import write_clip
from tests.models.tiny import make_tiny_folder

from vidtune.data import Turn
from vidtune.inference import ModelConfig, PredictConfig, Request
from vidtune.media import SamplingConfig, read_frames
from vidtune.models import LoadedModel, load_model

QUESTIONS = ("Which exercise is this?", "What?", "Which exercise is this, and what should be corrected?")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def loaded(tiny_folder: Path) -> LoadedModel:
    return load_model(tiny_folder)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips: two sizes, short ones among them."""
    folder = tmp_path_factory.mktemp("clips")
    for index in range(8):
        write_clip(
            folder / f"clip_{index}.mp4",
            num_frames=3 if index == 6 else 16,
            width=84 if index % 2 else 56,
            height=56,
            seed=index,
        )
    return folder


@pytest.fixture
def requests_mixed(clips: Path) -> list[Request]:
    """Prompts of several lengths over clips of 2, 4, 5 and 8 frames, and one without a clip."""
    requests = [Request((Turn("user", "What colour is the shirt?"),), None, "text only")]
    for index in range(8):
        frames = read_frames(clips / f"clip_{index}.mp4", SamplingConfig(num_frames=(2, 4, 5, 8)[index % 4]))
        requests.append(Request((Turn("user", QUESTIONS[index % 3]),), frames, f"clip {index}"))
    return requests


def write_qved(path: Path, videos: Sequence[str], *, num_questions: int = 1) -> Path:
    """Write a QVED file that asks ``num_questions`` questions about every video."""
    records: list[dict[str, Any]] = [
        {
            "id": f"{video}#{index}",
            "video": video,
            "conversations": [
                {"from": "human", "value": f"<video>\n{QUESTIONS[index % 3]}"},
                {"from": "gpt", "value": "squats - the knees move inwards"},
            ],
            "split": "test",
        }
        for video in videos
        for index in range(num_questions)
    ]
    path.write_text(json.dumps(records))
    return path


def make_config(tiny_folder: Path, data: Path, videos: Path, **settings: Any) -> PredictConfig:
    """Return a small, fast recipe."""
    values: dict[str, Any] = {
        "model": ModelConfig(source=str(tiny_folder)),
        "data": {"path": data, "videos": videos},
        "sampling": {"num_frames": 4},
        "generation": {"max_new_tokens": 6},
        "batch_size": 3,
        "save_strips": False,
    }
    return PredictConfig.model_validate({**values, **settings})
