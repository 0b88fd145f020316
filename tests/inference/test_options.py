"""Where and how a model computes: what is chosen, what is refused, and the line that says it."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vidtune.config import build_config
from vidtune.core.errors import BadUsage, ConfigInvalid, NotInstalled
from vidtune.core.rundir import RunDirectory
from vidtune.data import Turn
from vidtune.inference import (
    ModelConfig,
    Request,
    attend_for_training,
    describe_loading,
    load_for_inference,
    predict_dataset,
)
from vidtune.inference._options import choose_attention, choose_quantization
from vidtune.models import LoadedModel

from .conftest import make_config, write_qved

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_attention_is_torchs_own_where_flash_cannot_compute() -> None:
    assert choose_attention("auto", CPU, torch.float32) == "sdpa"
    assert choose_attention("auto", CUDA, torch.float32) == "sdpa"
    assert choose_attention("eager", CPU, torch.float32) == "eager"


@pytest.mark.parametrize("is_installed", [True, False])
def test_flash_attention_is_taken_on_cuda_in_16_bit_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if is_installed else None)

    expected = "flash_attention_2" if is_installed else "sdpa"
    assert choose_attention("auto", CUDA, torch.bfloat16) == expected


def test_flash_attention_that_cannot_be_had_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadUsage, match="on cpu in float32; it computes on CUDA"):
        choose_attention("flash", CPU, torch.float32)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match="flash_attn is not installed"):
        choose_attention("flash", CUDA, torch.bfloat16)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"attn_implementation": "banana"}, "attn_implementation 'banana' is unknown. Use auto, sdpa, flash or eager."),
        ({"quantization": "banana"}, "quantization 'banana' is unknown. Use none, int4, int8, "),
        ({"dtype": "banana"}, "dtype 'banana' is unknown. Use auto, float32, "),
        ({"dtype": torch.int8}, "dtype torch.int8 is unknown. Use auto, float32, "),
        ({"device": "banana"}, "device 'banana' is unknown. Use auto, cpu, "),
        ({"device": None}, "device None is unknown. Use auto, cpu, "),
        ({"device_map": "banana"}, "device_map 'banana' is unknown. Use auto, balanced, "),
    ],
)
def test_a_value_that_nobody_knows_is_refused_by_its_own_name(
    tiny_folder: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadUsage) as refused:
        load_for_inference(tiny_folder, **settings)

    assert str(refused.value).startswith(said)


def test_short_texts_attend_by_plain_products_in_training_on_a_cpu_with_the_same_logits_and_gradients(
    loaded: LoadedModel, requests_mixed: list[Request]
) -> None:
    turns = (*requests_mixed[4].turns, Turn("assistant", "squats"))
    short = (*requests_mixed[0].turns, Turn("assistant", "pushups"))
    batch = loaded.family.encode_training(loaded.processor, [(turns, requests_mixed[4].frames), (short, None)])
    weight = loaded.model.get_input_embeddings().weight

    def compute() -> tuple[torch.Tensor, torch.Tensor]:
        output = loaded.model(**batch, use_cache=False)
        return output.logits[batch["attention_mask"].bool()], torch.autograd.grad(output.loss, weight)[0]

    fused = compute()
    note = attend_for_training(loaded, "auto", 512)

    assert loaded.model.config.text_config._attn_implementation == "eager"
    assert loaded.model.config.vision_config._attn_implementation == "sdpa"
    assert note == "text attends by plain products: at most 512 tokens, on a CPU"
    for ours, theirs in zip(compute(), fused, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "device", "longest_tokens"),
    [("auto", CPU, 513), ("sdpa", CPU, 20), ("eager", CPU, 20), ("auto", CUDA, 20)],
)
def test_long_texts_other_devices_and_what_was_asked_for_stay_as_they_are(
    loaded: LoadedModel, name: str, device: torch.device, longest_tokens: int
) -> None:
    placed = replace(loaded, device=device)

    assert attend_for_training(placed, name, longest_tokens) == ""
    assert placed.model.config.text_config._attn_implementation == "sdpa"


@pytest.mark.parametrize("source", ["owner/name", "owner/name@main", f"owner/name@{COMMIT[:7]}", "./folder", "nano"])
def test_code_of_a_checkpoint_is_only_run_from_a_pinned_commit(source: str) -> None:
    with pytest.raises(ConfigInvalid, match="only run from a pinned commit"):
        build_config(ModelConfig, {"source": source, "remote_code": True}, source="test")
    with pytest.raises(BadUsage, match="only run from a pinned commit"):
        load_for_inference(source, remote_code=True)


def test_a_pinned_commit_is_a_recipe_that_holds() -> None:
    config = ModelConfig(source=f"owner/name@{COMMIT}", remote_code=True)

    assert config.remote_code


def test_device_and_device_map_exclude_each_other(tiny_folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match="exclude each other|choose"):
        build_config(ModelConfig, {"device": "cpu", "device_map": "auto"}, source="test")
    with pytest.raises(BadUsage, match="both say where the model goes"):
        load_for_inference(tiny_folder, device="cpu", device_map="auto")


@pytest.mark.parametrize(("place", "named"), [(97, "cuda:97"), ("cuda:97", "cuda:97"), ("nowhere", "nowhere")])
def test_a_device_map_to_a_device_that_is_not_here_is_refused(tiny_folder: Path, place: int | str, named: str) -> None:
    with pytest.raises(BadUsage, match=f"device '{named}' is"):
        load_for_inference(tiny_folder, device_map={"": place})


def test_a_device_map_places_the_model(tiny_folder: Path) -> None:
    loaded = load_for_inference(tiny_folder, device_map={"": "cpu"})

    assert {str(parameter.device) for parameter in loaded.model.parameters()} == {"cpu"}


def test_eager_attention_computes_what_sdpa_computes(tiny_folder: Path) -> None:
    ids = torch.arange(20, 40)[None]
    fast, slow = (load_for_inference(tiny_folder, attn_implementation=name) for name in ("sdpa", "eager"))

    assert slow.model.config._attn_implementation == "eager"
    with torch.no_grad():
        torch.testing.assert_close(fast.model(input_ids=ids).logits, slow.model(input_ids=ids).logits)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "cpu, float32, sdpa attention, not quantized"),
        ({"dtype": "bfloat16", "attn_implementation": "eager"}, "cpu, bfloat16, eager attention, not quantized"),
        ({"quantization": "nf4"}, "cpu, float32, sdpa attention, nf4 with double quantization"),
        ({"quantization": "int8"}, "cpu, float32, sdpa attention, int8 (LLM.int8)"),
    ],
)
def test_what_was_chosen_is_said_in_one_line(settings: dict[str, str], said: str) -> None:
    line = describe_loading(load_for_inference("nano", device="cpu", **settings))

    assert line.startswith(f"nano (qwen2_vl): {said}")
    assert "\n" not in line


def test_prediction_says_it_before_the_first_answer(tiny_folder: Path, clips: Path, tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    data = write_qved(tmp_path / "data.json", ["clip_0.mp4"])

    predict_dataset(
        make_config(tiny_folder, data, clips),
        RunDirectory(tmp_path / "run"),
        progress=lambda stage, done, total, note="": said.append((stage, note)),
    )

    stages = [stage for stage, _ in said]
    line = next(note for stage, note in said if stage == "load model" and "attention" in note)
    assert "(qwen2_vl): " in line
    assert stages.index("load model") < max(place for place, stage in enumerate(stages) if stage == "predict")


def test_a_quantization_nobody_has_is_refused_with_those_there_are(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such quantization; known: none, int4, int8"):
        make_config(tiny_folder, tmp_path / "a.json", tmp_path, quantization="int3")
    with pytest.raises(ValueError, match="no such quantization"):
        make_config(tiny_folder, tmp_path / "a.json", tmp_path, quantization="int8-static")


def test_a_quantization_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(NotInstalled, match=r"vidtune\[quantize\]"):
        choose_quantization("int8-dynamic", "cpu")
    assert choose_quantization("none", "cpu") is None
