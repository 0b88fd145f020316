"""Training on samples with sound: what is read, what is learned, what may be computed once, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.inference.spoken import write_spoken
from tests.media.writing import tone, write_sound
from tests.models.families.tiny_gemma3n import AUDIO_TOKENS, TOKENS_PER_FRAME, make_tiny_folder

from vidtune.config import build_config
from vidtune.core.rundir import RunDirectory
from vidtune.training import TrainConfig, read_history, train
from vidtune.training._prepare import prepare


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_tiny_folder(tmp_path_factory.mktemp("models") / "gemma3n")


def recipe(model: Path, data: Path, *, sound: str = "named", **changes) -> TrainConfig:
    values = {
        "model": {"source": str(model), "device": "cpu"},
        "data": {"path": str(data), "videos": str(data.parent), "sound": sound},
        "sampling": {"num_frames": 1},
        "adapter": {"rank": 2, "alpha": 4, "dropout": 0.0, "modalities": ["language", "audio"]},
        "optim": {"learning_rate": 1e-2},
        "loop": {"max_steps": 2, "batch_size": 2, "precision": "fp32", "num_threads": 1, **changes.pop("loop", {})},
        **changes,
    }
    return build_config(TrainConfig, values, source="a test")


def prepared(config: TrainConfig, folder: Path):
    return prepare(config, RunDirectory(folder), evaluator=None, progress=lambda *_: None)


def test_samples_with_sound_are_learned_from_and_the_frozen_vision_tower_is_still_passed_once(model, tmp_path):
    data = write_spoken(tmp_path / "data")
    once, always = RunDirectory(tmp_path / "once"), RunDirectory(tmp_path / "always")

    train(recipe(model, data, loop={"reuse_features": True}), once)
    train(recipe(model, data, loop={"reuse_features": False}), always)

    losses = [[step["loss"] for step in read_history(run.training_log).steps] for run in (once, always)]
    torch.testing.assert_close(*losses, rtol=0, atol=1e-5)
    from safetensors.torch import load_file

    saved = load_file(next(once.path.rglob("adapter_model.safetensors")))
    assert any(value.any() for name, value in saved.items() if "audio_tower" in name and "lora_B" in name)


def test_the_audit_counts_tokens_of_sound_and_the_fingerprint_knows_which_sound(model, tmp_path):
    data = write_spoken(tmp_path / "data")
    heard = prepared(recipe(model, data), tmp_path / "a")
    deaf = prepared(recipe(model, data, sound="none"), tmp_path / "b")
    write_sound(tmp_path / "data" / "sound_0.wav", tone(0.6, 1234))
    other = prepared(recipe(model, data), tmp_path / "c")

    assert heard.audit.num_media - deaf.audit.num_media == 4 * AUDIO_TOKENS
    assert deaf.audit.num_media == 4 * TOKENS_PER_FRAME
    assert heard.audit.num_supervised == deaf.audit.num_supervised
    assert {example.media for example in heard.train.examples} == {frozenset({"input_features"})}, "pixels passed"
    prints = [one.train.fingerprint() for one in (heard, deaf, other)]
    assert len(set(prints)) == 3
    assert all("input_features" in heard.train.row(index, epoch=1) for index in range(4))


def test_a_sound_that_cannot_be_heard_leaves_its_sample_out_by_name(model, tmp_path):
    data = write_spoken(tmp_path / "data")
    (tmp_path / "data" / "sound_0.wav").unlink()
    (tmp_path / "data" / "sound_3.wav").write_text("no sound")

    found = prepared(recipe(model, data, limits={"max_dropped_share": 0.5}), tmp_path / "run")

    assert {entry.sample_id: entry.code for entry in found.train.dropped} == {
        "s0": "sound_missing",
        "s3": "sound_unreadable",
    }
