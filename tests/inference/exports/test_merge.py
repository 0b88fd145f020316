"""Merging, whatever the adapter is: of PEFT, on a quantized base, of a run with its own data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from tests.inference.conftest import write_qved
from tests.media.writing import write_clip

from vidtune.adapters import AdapterConfig, attach_adapter, quantization_config, save_adapter
from vidtune.inference.exports import CertifyConfig, merge_model, open_plain, read_probes
from vidtune.inference.exports._probes import as_in_run
from vidtune.models import load_model

from .conftest import TOWERS

CONFIG = CertifyConfig(num_samples=2, sampling={"num_frames": 4}, max_new_tokens=6)


def write_adapter(base: Path, folder: Path, config: AdapterConfig) -> Path:
    loaded = load_model(base, quantization_config=quantization_config(config))
    torch.manual_seed(0)
    targets = {tower: loaded.family.linear_targets(tower) for tower in TOWERS}
    model = attach_adapter(loaded.model, config, targets, modality_of=loaded.family.modality_of)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn_like(parameter)
    save_adapter(model, folder)
    if (folder / "config.json").exists():
        loaded.processor.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "config",
    [
        AdapterConfig(rank=4, modalities=("language",), modules_to_train=("projector",)),
        AdapterConfig(kind="qlora", rank=4, modalities=("vision", "language")),
        AdapterConfig(kind="full", modalities=("projector",)),
    ],
    ids=lambda config: config.kind,
)
def test_every_kind_of_adapter_merges_and_passes(base: Path, tmp_path: Path, config: AdapterConfig) -> None:
    adapter = write_adapter(base, tmp_path / "adapter", config)

    certificate = merge_model(adapter, tmp_path / "out", CONFIG, device="cpu")

    assert certificate.has_passed, certificate.to_text()
    assert bool(certificate.notes) == (config.kind == "qlora")
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_a_penalty_that_comes_with_the_checkpoint_fails_no_certificate_and_is_noted(base: Path, tmp_path: Path) -> None:
    """Qwen2.5-VL has one of 1.05, which ``generate`` applies to greedy answers too."""
    shutil.copytree(base, tmp_path / "base")
    settings = tmp_path / "base" / "generation_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "repetition_penalty": 1.5}))
    adapter = write_adapter(tmp_path / "base", tmp_path / "adapter", AdapterConfig(rank=4))

    certificate = merge_model(adapter, tmp_path / "out", CONFIG, device="cpu")

    assert certificate.has_passed, certificate.to_text()
    assert any("asks for repetition_penalty=1.5" in note for note in certificate.notes)
    assert json.loads((tmp_path / "out" / "generation_config.json").read_text())["repetition_penalty"] == 1.5


def test_the_pixels_of_training_go_into_the_export(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter", AdapterConfig(rank=4))
    record = json.loads((adapter / "vidtune_adapter.json").read_text())
    (adapter / "vidtune_adapter.json").write_text(json.dumps({**record, "processor": {"max_pixels": 56 * 56}}))

    certificate = merge_model(adapter, tmp_path / "out", CONFIG, device="cpu")

    assert certificate.has_passed, certificate.to_text()
    size = open_plain(tmp_path / "out", device="cpu").processor.video_processor.size
    assert size["longest_edge"] == 56 * 56


def test_a_run_is_asked_about_its_own_held_out_data(tmp_path: Path) -> None:
    write_clip(tmp_path / "videos" / "a.mp4", num_frames=16, width=56, height=56)
    data = write_qved(tmp_path / "held_out.json", ["a.mp4"])
    recipe = {
        "data": {"path": str(tmp_path / "gone.json"), "videos": str(tmp_path / "videos")},
        "eval_data": {"path": str(data), "videos": str(tmp_path / "videos")},
        "sampling": {"kind": "uniform", "num_frames": 3},
    }
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text(yaml.safe_dump(recipe))

    config = as_in_run(tmp_path / "run", CertifyConfig())

    probes = read_probes(config.data, num_samples=4, sampling=config.sampling)
    assert [probe.name for probe in probes] == ["a.mp4#0"]
    assert probes[0].frames is not None
    assert len(probes[0].frames.frames_thwc) == 3


def test_what_is_no_run_or_has_lost_its_data_is_asked_about_drawn_clips(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"data": {"path": "gone.json", "videos": "gone"}}))

    assert as_in_run(tmp_path, CONFIG) == CONFIG
    assert as_in_run("nano", CONFIG) == CONFIG
    assert [len(probe.frames.frames_thwc) for probe in read_probes(None, num_samples=2, sampling=CONFIG.sampling)] == [
        4,
        4,
    ]
