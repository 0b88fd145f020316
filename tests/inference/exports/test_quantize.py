"""Every way of storing a model in fewer bits that works on this machine: written, opened by transformers, measured."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from vidtune.core.errors import BadUsage, DiskFull, NotInstalled
from vidtune.inference import GenerationConfig, Request, generate, load_for_inference
from vidtune.inference.exports import CertifyConfig, Probe, quantization_names, quantize_model

CONFIG = CertifyConfig(num_samples=2, sampling={"num_frames": 4}, max_new_tokens=6)
ANY = {
    "stage_relative": 1.0,
    "max_logit_difference": 100,
    "mean_logit_difference": 100,
    "min_same_best_token": 0,
    "min_same_answers": 0,
}
LOOSE = CertifyConfig.model_validate({**CONFIG.model_dump(), "tolerance": ANY})
TORCHAO = ("int8-weight-only", "int8-dynamic", "int8-static")


@pytest.mark.parametrize("kind", ["bf16", "fp16", "nf4", "int8", *TORCHAO])
def test_a_quantized_model_is_opened_by_transformers_and_is_smaller(kind: str, adapter: Path, tmp_path: Path) -> None:
    if kind in TORCHAO:
        pytest.importorskip("torchao")

    certificate = quantize_model(adapter, tmp_path / "out", kind, LOOSE, device="cpu", num_calibration=2)

    assert certificate.has_passed, certificate.to_text()
    assert certificate.stages[0].relative == 0.0
    assert (certificate.max_logit_difference or 0) > 0
    assert certificate.candidate.size_bytes is not None
    assert not [cause for cause in certificate.causes]
    record = json.loads((tmp_path / "out" / "certificate.json").read_text())
    assert record["notes"]


@pytest.mark.parametrize("kind", ["bf16", "nf4", "int8", *TORCHAO])
def test_a_quantized_folder_predicts(kind: str, adapter: Path, probes: list[Probe], tmp_path: Path) -> None:
    if kind in TORCHAO:
        pytest.importorskip("torchao")
    quantize_model(adapter, tmp_path / "out", kind, LOOSE, device="cpu", num_calibration=2)

    loaded = load_for_inference(tmp_path / "out")

    requests = [Request(probe.turns, probe.frames, probe.name) for probe in probes]
    assert len(generate(loaded, requests, GenerationConfig(max_new_tokens=3))) == len(probes)


def test_scales_of_a_static_quantization_are_used(adapter: Path, tmp_path: Path) -> None:
    pytest.importorskip("torchao")

    certificate = quantize_model(adapter, tmp_path / "out", "int8-static", LOOSE, device="cpu", num_calibration=2)

    assert (tmp_path / "out" / "activation_scales.safetensors").is_file()
    assert certificate.candidate.name.endswith("with its activation scales")
    layer = load_for_inference(tmp_path / "out").model.model.language_model.layers[0].mlp.up_proj
    assert layer.weight.act_quant_scale is not None


def test_an_unknown_kind_and_one_that_needs_cuda_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="Use one of bf16, fp16, int4"):
        quantize_model("nowhere", tmp_path / "out", "int3", CONFIG)
    with pytest.raises((BadUsage, NotInstalled), match="int4 was asked for|torchao"):
        quantize_model("nowhere", tmp_path / "out", "int4", CONFIG, device="cpu")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["bf16", "int8"])
def test_what_is_stored_in_fewer_bits_is_not_quantized_again(kind: str, adapter: Path, tmp_path: Path) -> None:
    quantize_model(adapter, tmp_path / "nf4", "nf4", LOOSE, device="cpu")

    with pytest.raises(BadUsage, match="nf4 are stored in fewer bits already"):
        quantize_model(tmp_path / "nf4", tmp_path / "out", kind, LOOSE, device="cpu")

    assert [path.name for path in tmp_path.iterdir()] == ["nf4"]


def test_a_disk_that_is_full_is_named_and_nothing_is_left_of_the_export(adapter: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, before[1]))
    try:
        with pytest.raises(DiskFull, match=r"out needs more than the [\d,]+ bytes that are free there"):
            quantize_model(adapter, tmp_path / "out", "bf16", LOOSE, device="cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert not list(tmp_path.iterdir())


def test_all_kinds_have_a_name() -> None:
    assert quantization_names() == [
        "bf16",
        "fp16",
        "int4",
        "int8",
        "int8-dynamic",
        "int8-static",
        "int8-weight-only",
        "nf4",
    ]
