"""A tiny random Qwen2-VL, tiny real clips and a QVED file about them: all that training needs, in a second."""

from __future__ import annotations

import json
import os
from pathlib import Path

import av
import numpy as np
import pytest
from tests.cli.conftest import vidtune
from tests.models.tiny import make_tiny_folder

__all__ = ["vidtune"]

QUESTION = "Which exercise is this, and what should be corrected?"
ANSWERS = (
    "squats - the knees move inwards, push them outwards",
    "pushups - the hips sag",
    "squats - the left knee moves inwards over the toes, lower the chest",
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    return make_tiny_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """A folder with 14 clips and train.json / val.json in QVED's layout; subjects differ between the two."""
    folder = tmp_path_factory.mktemp("clips")
    samples = []
    for index in range(14):
        write_clip(folder / f"clip_{index:02d}.mp4", seed=index)
        samples.append(make_sample(index))
    (folder / "train.json").write_text(json.dumps(samples[:10]))
    (folder / "val.json").write_text(json.dumps(samples[10:]))
    return folder


def make_sample(index: int) -> dict:
    return {
        "id": f"s{index:02d}",
        "video": f"clip_{index:02d}.mp4",
        "conversations": [
            {"from": "human", "value": QUESTION},
            {"from": "gpt", "value": ANSWERS[index % len(ANSWERS)]},
        ],
    }


def write_clip(path: Path, *, seed: int, num_frames: int = 12, size_px: int = 64) -> None:
    """Write a real H.264 clip: a bright square that moves in its own direction over a dark ground."""
    rng = np.random.default_rng(seed)
    colour, start, step = rng.integers(100, 255, 3), rng.integers(0, 40, 2), rng.integers(-3, 4, 2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12, options={"crf": "18"})
        stream.width = stream.height = size_px
        stream.pix_fmt = "yuv420p"
        for number in range(num_frames):
            picture = np.full((size_px, size_px, 3), 30, np.uint8)
            top, left = (start + step * number) % (size_px - 20)
            picture[top : top + 20, left : left + 20] = colour
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.fixture
def recipe(tiny_model, clips):
    """Return a function that builds a small TrainConfig, with nested values of its own on top."""
    from vidtune.config import build_config
    from vidtune.training import TrainConfig

    def build(**changes):
        values = {
            "model": {"source": str(tiny_model), "device": "cpu"},
            "data": {"path": str(clips / "train.json"), "videos": str(clips)},
            "sampling": {"num_frames": 4},
            "adapter": {"rank": 4, "alpha": 8, "dropout": 0.1, "modalities": ["language"]},
            "optim": {"learning_rate": 1e-2},
            "loop": {"max_steps": 6, "batch_size": 4, "precision": "fp32", "num_threads": 1},
            "save": {"every_steps": 2},
        }
        return build_config(TrainConfig, _merge(values, changes), source="a test")

    return build


def _merge(base: dict, changes: dict) -> dict:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return {key: value for key, value in merged.items() if value is not ...}


@pytest.fixture
def child_env() -> dict[str, str]:
    """The environment of a child process that trains: one thread, this tree's sources."""
    root = Path(__file__).parents[2]
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }


@pytest.fixture
def launched(child_env, tmp_path):
    """Return a function that trains in two processes, and returns the launcher and the file of what is said.

    Only the launcher is forked; the processes that it starts begin anew.
    """
    from tests.training import child, forked

    started = []

    def launch(recipe_path, run):
        errors = tmp_path / "launcher.log"
        arguments = ("train", str(recipe_path), "--out", str(run.path), "--nproc", "2")
        started.append(forked.start(child.program, *arguments, errors=errors, PYTHONPATH=child_env["PYTHONPATH"]))
        return started[-1], errors

    yield launch
    for process in started:
        process.kill()
