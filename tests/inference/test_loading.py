"""One name, whatever it stands for: a base, an adapter, a run, a quantized base."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from vidtune.adapters import AdapterConfig, attach_adapter, save_adapter
from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import BadUsage, ModelUnavailable
from vidtune.inference import GenerationConfig, Request, generate, load_for_inference
from vidtune.inference._loading import fingerprint
from vidtune.models import LoadedModel, load_model


@pytest.fixture
def tuned(tiny_folder: Path, tmp_path: Path) -> tuple[Any, Path]:
    """A base with an adapter that says something else, and the folder it was saved in."""
    loaded = load_model(tiny_folder)
    towers = ("vision", "projector", "language")
    torch.manual_seed(0)
    model = attach_adapter(
        loaded.model,
        AdapterConfig(rank=4, alpha=8, modalities=("vision", "language")),
        {tower: loaded.family.linear_targets(tower) for tower in towers},
        modality_of=loaded.family.modality_of,
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    save_adapter(model, tmp_path / "adapter")
    return model.eval(), tmp_path / "adapter"


def first_logits(loaded: LoadedModel, requests: list[Request], model: Any | None = None) -> torch.Tensor:
    inputs = loaded.family.encode_prompts(loaded.processor, [(request.turns, request.frames) for request in requests])
    with torch.no_grad():
        logits = (model or loaded.model)(**inputs).logits[:, -1]
    assert isinstance(logits, torch.Tensor)
    return logits


def test_an_adapter_is_loaded_on_its_base_and_answers_as_it_did_in_training(
    tuned: tuple[Any, Path], requests_mixed: list[Request], loaded: LoadedModel
) -> None:
    model, folder = tuned

    ready = load_for_inference(folder)

    expected = first_logits(ready, requests_mixed, model)
    torch.testing.assert_close(first_logits(ready, requests_mixed), expected, atol=1e-4, rtol=1e-4)
    assert (first_logits(loaded, requests_mixed) - expected).abs().max() > 0.1, "the adapter must change something"
    assert not ready.model.training
    assert ready.source == str(folder)


def test_in_float32_an_adapter_is_merged_and_in_bfloat16_it_is_not(tuned: tuple[Any, Path]) -> None:
    def has_lora(loaded: LoadedModel) -> bool:
        return any("lora_" in name for name, _ in loaded.model.named_parameters())

    assert not has_lora(load_for_inference(tuned[1]))
    assert has_lora(load_for_inference(tuned[1], dtype="bfloat16"))


def test_an_adapter_beside_its_base_can_generate(tuned: tuple[Any, Path], requests_mixed: list[Request]) -> None:
    ready = load_for_inference(tuned[1], dtype="bfloat16")

    answers = generate(ready, requests_mixed, GenerationConfig(max_new_tokens=3))

    assert [answer.num_new_tokens for answer in answers] == [3] * len(requests_mixed)


def test_a_run_directory_stands_for_its_best_checkpoint(tuned: tuple[Any, Path], tmp_path: Path) -> None:
    shutil.copytree(tuned[1], tmp_path / "run" / "best")

    assert load_for_inference(tmp_path / "run").source == str(tmp_path / "run" / "best")
    assert fingerprint(tmp_path / "run") == fingerprint(tuned[1])
    assert len(fingerprint(tuned[1])) == 1


def test_a_run_without_a_finished_result_says_so(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)

    with pytest.raises(ModelUnavailable, match="training run without a finished result: it has no best/ folder"):
        load_for_inference(tmp_path / "run")


def test_a_run_of_predictions_is_no_model_and_says_where_the_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "predictions.jsonl").touch()

    with pytest.raises(ModelUnavailable, match=r"holds no model. Give .*: model.source in .*recipe.yaml"):
        load_for_inference(tmp_path)


def test_a_base_that_was_moved_is_named_as_the_base_of_the_adapter(tuned: tuple[Any, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(tuned[1], tmp_path / "copy")
    record = folder / "vidtune_adapter.json"
    values = read_json(record)
    values["base"]["source"] = str(tmp_path / "moved")
    write_json(record, values)

    with pytest.raises(ModelUnavailable, match=r"copy is an adapter on the base .*moved, .* is not there. Put or li"):
        load_for_inference(folder)


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=str(tmp_path)):
        load_for_inference(tmp_path)


def test_a_base_can_be_loaded_in_four_bits(requests_mixed: list[Request]) -> None:
    ready = load_for_inference("nano", quantization="nf4")

    assert any(type(module).__name__ == "Linear4bit" for module in ready.model.modules())
    assert len(generate(ready, requests_mixed[:2], GenerationConfig(max_new_tokens=2))) == 2


def test_quantizing_the_base_of_a_full_precision_adapter_is_refused(tuned: tuple[Any, Path]) -> None:
    with pytest.raises(BadUsage, match="would change what it was trained on"):
        load_for_inference(tuned[1], quantization="nf4")


def save_with_pixels(tuned: tuple[Any, Path], folder: Path, max_pixels: int | None) -> Path:
    """Return a copy of the adapter as a training with that cap leaves it."""
    shutil.copytree(tuned[1], folder)
    record = read_json(folder / "vidtune_adapter.json")
    write_json(folder / "vidtune_adapter.json", {**record, "processor": {"max_pixels": max_pixels}})
    return folder


def num_visual_tokens(loaded: LoadedModel) -> int:
    return loaded.family.count_visual_tokens(8, 112, 112, loaded.processor)


def test_an_adapter_is_shown_clips_as_in_its_training(tuned: tuple[Any, Path], tmp_path: Path) -> None:
    folder = save_with_pixels(tuned, tmp_path / "small", 28 * 28)

    small, plain = load_for_inference(folder), load_for_inference(tuned[1])

    assert (small.max_pixels, plain.max_pixels) == (28 * 28, None)
    assert num_visual_tokens(small) < num_visual_tokens(plain)
    assert num_visual_tokens(load_for_inference(folder, max_pixels=28 * 28)) == num_visual_tokens(small)


@pytest.mark.parametrize(("trained", "named"), [(28 * 28, "784"), (None, "the own of its base")])
def test_other_pixels_than_in_training_are_refused_by_name(
    tuned: tuple[Any, Path], tmp_path: Path, trained: int | None, named: str
) -> None:
    folder = save_with_pixels(tuned, tmp_path / "trained", trained)

    with pytest.raises(BadUsage, match=f"was trained with max_pixels={named}, and max_pixels=3136 is asked for"):
        load_for_inference(folder, max_pixels=56 * 56)


def test_an_adapter_that_does_not_say_takes_what_is_asked(tuned: tuple[Any, Path]) -> None:
    assert load_for_inference(tuned[1], max_pixels=28 * 28).max_pixels == 28 * 28
