"""``vidtune merge``, ``quantize`` and ``certify`` as a user calls them, on the packaged model and drawn clips."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file
from tests.inference.exports.conftest import make_adapter

from vidtune.cli import cli
from vidtune.core.errors import BadUsage
from vidtune.inference.exports import CertificateFailed
from vidtune.inference.exports._whole import write_plain
from vidtune.models import load_model

FEW = ("--num-samples", 2, "--num-frames", 4, "--device", "cpu", "--set", "max_new_tokens=6")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged model as a folder whose tokenizer pads on the left, as plain transformers needs it."""
    folder = tmp_path_factory.mktemp("models") / "nano"
    write_plain(load_model("nano"), folder)
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(base, tmp_path_factory.mktemp("adapters") / "all-towers")


@pytest.fixture(scope="module")
def merged(adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exports") / "merged"
    result = run("merge", adapter, "--out", out, *FEW)
    assert result.exit_code == 0, result.output
    return out


def test_a_merge_is_written_with_its_certificate(merged: Path) -> None:
    record = json.loads((merged / "certificate.json").read_text())

    assert record["passed"] is True
    assert record["first_divergent_stage"] is None
    assert record["candidate"]["size_bytes"] > 1_000_000
    assert record["num_same_answers"] == len(record["samples"]) == 2
    assert record["max_logit_difference"] < 1e-2
    assert "certificate: passed" in (merged / "certificate.txt").read_text()
    assert not list(merged.parent.glob("*.part"))


def test_a_merge_lies_where_plain_transformers_finds_it(merged: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(merged, local_files_only=True)
    processor = AutoProcessor.from_pretrained(merged, local_files_only=True)

    assert not any("lora" in name for name, _ in model.named_parameters())
    assert processor.tokenizer.padding_side == "left"


def test_an_export_never_overwrites(adapter: Path, merged: Path) -> None:
    result = run("merge", adapter, "--out", merged, *FEW)

    assert isinstance(result.exception, BadUsage)
    assert "exists already" in str(result.exception)


def test_a_model_without_an_adapter_cannot_be_merged(tmp_path: Path) -> None:
    result = run("merge", "nano", "--out", tmp_path / "out", *FEW)

    assert isinstance(result.exception, BadUsage)
    assert "is no adapter" in str(result.exception)


def test_certify_fails_on_an_export_that_lost_its_vision_adapter(
    base: Path, adapter: Path, merged: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(merged, tmp_path / "spoiled"))
    untuned = load_file(base / "model.safetensors")
    weights = load_file(spoiled / "model.safetensors")
    same = {name: untuned[name] if "visual" in name else weights[name] for name in weights}
    save_file(same, spoiled / "model.safetensors", metadata={"format": "pt"})

    result = run("certify", spoiled, "--reference", adapter, "--out", tmp_path / "paper", *FEW)

    assert isinstance(result.exception, CertificateFailed)
    assert result.exception.exit_status == 65
    assert "adapter_dropped: vision" in str(result.exception)
    record = json.loads((tmp_path / "paper" / "certificate.json").read_text())
    assert record["first_divergent_stage"] == "vision layer 1 of 5"
    assert "diverges     first at: vision layer 1 of 5" in result.output


def test_an_adapter_answers_the_same_through_plain_peft(adapter: Path) -> None:
    result = run("certify", adapter, "--reference", adapter, *FEW, "--json")

    record = json.loads(result.stdout)
    assert record["passed"] is True, result.output


def test_a_tolerance_can_be_set_and_what_fails_it_is_put_aside(tmp_path: Path) -> None:
    out = tmp_path / "bf16"

    result = run("quantize", "nano", "--to", "bf16", "--out", out, *FEW, "--set", "tolerance.max_logit_difference=1e-9")

    assert isinstance(result.exception, CertificateFailed)
    assert not out.exists()
    assert json.loads((tmp_path / "bf16.failed" / "certificate.json").read_text())["passed"] is False


def test_data_without_videos_is_bad_usage(tmp_path: Path) -> None:
    assert run("certify", "nano", "--reference", "nano", "--data", tmp_path / "a.json").exit_code == 2
