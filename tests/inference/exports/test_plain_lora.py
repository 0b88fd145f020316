"""``temporal_lora`` written as plain LoRA: for PEFT alone, with a certificate of what fixing the gates loses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.inference.gated import make_gated_adapter

from vidtune.adapters import adapter_config_of
from vidtune.cli import cli
from vidtune.core.errors import BadUsage
from vidtune.inference.exports import CertifyConfig, certify_folder, export_plain_lora_of, merge_model
from vidtune.inference.exports._probes import read_probes
from vidtune.media import SamplingConfig

CONFIG = CertifyConfig(num_samples=2, sampling=SamplingConfig(num_frames=4), max_new_tokens=6)
FEW = ("--num-samples", "2", "--num-frames", "4", "--device", "cpu", "--set", "max_new_tokens=6")


@pytest.fixture(scope="module")
def gated(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    probes = read_probes(None, num_samples=2, sampling=CONFIG.sampling)
    frames = [probe.frames.frames_thwc for probe in probes if probe.frames is not None]
    return make_gated_adapter(base, tmp_path_factory.mktemp("gated") / "adapter", frames)


@pytest.fixture(scope="module")
def plain(gated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "out"
    result = CliRunner().invoke(cli, ["merge", str(gated), "--out", str(out), "--plain-lora", *FEW])
    assert result.exit_code == 0, result.output
    return out


def test_the_command_writes_what_peft_knows_and_both_certificates(plain: Path) -> None:
    layers = json.loads((plain / "plain_lora_certificate.json").read_text())["layers"]
    record = json.loads((plain / "certificate.json").read_text())

    assert adapter_config_of(plain).kind == "lora"
    assert json.loads((plain / "adapter_config.json").read_text())["peft_type"] == "LORA"
    assert "plain LoRA" in record["candidate"]["name"]
    assert record["stages"][0]["name"] == "pixels"
    assert record["stages"][0]["max_abs"] == 0
    assert record["max_logit_difference"] > 1e-4, "gates that differ cannot be fixed without loss"
    assert record["causes"] == []
    assert 0 < max(layer["mean_distance"] for layer in layers) < 1
    assert "gates are fixed at their mean" in record["notes"][0]


def test_what_was_written_can_be_merged_and_certified_against_the_gated_one(
    plain: Path, gated: Path, tmp_path: Path
) -> None:
    assert merge_model(plain, tmp_path / "merged", CONFIG, device="cpu").has_passed

    loose = CONFIG.model_validate({**CONFIG.model_dump(), "tolerance": {"stage_relative": 0.9}})
    found = certify_folder(tmp_path / "merged", gated, loose, device="cpu")
    assert found.max_logit_difference == pytest.approx(
        json.loads((plain / "certificate.json").read_text())["max_logit_difference"], rel=1e-2
    )


def test_gates_cannot_be_merged_and_the_error_names_the_way(gated: Path, tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="vidtune merge --plain-lora"):
        merge_model(gated, tmp_path / "merged", CONFIG, device="cpu")
    assert not list(tmp_path.iterdir())


def test_an_adapter_without_gates_is_refused(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="has no gates to fix"):
        export_plain_lora_of(adapter, tmp_path / "plain", CONFIG, device="cpu")
    with pytest.raises(BadUsage, match="is no adapter"):
        export_plain_lora_of("nano", tmp_path / "plain", CONFIG, device="cpu")


def test_a_number_format_has_no_effect_and_is_refused(gated: Path, tmp_path: Path) -> None:
    arguments = ["merge", str(gated), "--out", str(tmp_path / "x"), "--plain-lora", "--dtype", "float16"]
    result = CliRunner().invoke(cli, arguments)

    assert result.exit_code == 2
    assert "--dtype has no effect" in result.output
