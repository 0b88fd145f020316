"""A tiny model with an adapter on every tower, its honest merge, and real small clips to ask about."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.media.writing import write_clip
from tests.models.tiny import make_tiny_folder

from vidtune.adapters import AdapterConfig, attach_adapter, save_adapter
from vidtune.data import Turn
from vidtune.inference.exports import Certificate, Pipeline, Probe, certify, open_ours, open_plain
from vidtune.inference.exports._config import ToleranceChange, tolerance_for
from vidtune.inference.exports._whole import load_whole, write_plain
from vidtune.media import SamplingConfig, read_frames
from vidtune.models import load_model

TOWERS = ("vision", "projector", "language")
QUESTIONS = ("Which exercise is this?", "What?", "Which exercise is this, and what should be corrected?")

torch.set_num_threads(1)


def make_adapter(base: Path, folder: Path) -> Path:
    """Write an adapter on every tower that changes what the model says."""
    loaded = load_model(base)
    torch.manual_seed(0)
    model = attach_adapter(
        loaded.model,
        AdapterConfig(rank=4, alpha=8, modalities=TOWERS),
        {tower: loaded.family.linear_targets(tower) for tower in TOWERS},
        modality_of=loaded.family.modality_of,
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    save_adapter(model, folder)
    return folder


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_folder(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(base, tmp_path_factory.mktemp("adapters") / "all-towers")


@pytest.fixture(scope="session")
def honest(adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter merged as it should be; copy it before spoiling it."""
    folder = tmp_path_factory.mktemp("exports") / "merged"
    write_plain(load_whole(adapter, device="cpu"), folder)
    return folder


@pytest.fixture
def copy(honest: Path, tmp_path: Path) -> Path:
    """A merge of one's own, to be spoiled."""
    return Path(shutil.copytree(honest, tmp_path / "copy"))


@pytest.fixture(scope="session")
def reference(adapter: Path) -> Pipeline:
    return open_ours(adapter, device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def probes(tmp_path_factory: pytest.TempPathFactory) -> list[Probe]:
    """Three questions of different length about three clips."""
    folder = tmp_path_factory.mktemp("clips")
    found = []
    for index, question in enumerate(QUESTIONS):
        clip = write_clip(folder / f"{index}.mp4", num_frames=16, width=84, height=56, seed=index)
        frames = read_frames(clip, SamplingConfig(num_frames=6))
        found.append(Probe(f"clip {index}", (Turn("user", question),), frames))
    return found


@pytest.fixture
def compare(reference: Pipeline, probes: list[Probe]) -> Callable[[Path | Pipeline], Certificate]:
    """Certify a folder, opened with plain transformers, or a pipeline against the adapter beside its base."""

    def run(candidate: Path | Pipeline) -> Certificate:
        side = open_plain(candidate, device="cpu", dtype="float32") if isinstance(candidate, Path) else candidate
        return certify(reference, side, probes, tolerance_for("float32", ToleranceChange()), max_new_tokens=6)

    return run
