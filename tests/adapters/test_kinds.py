"""Every standard kind on tiny models of several families: train, save, load to the last bit, generate, merge."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.prompts import converse, make_frames
from tests.models.tiny import make_tiny_folder

from vidtune.adapters import (
    AdapterConfig,
    adapter_config_of,
    adapter_kinds,
    attach_adapter,
    load_adapter,
    merge_adapter,
    quantization_config,
    save_adapter,
)
from vidtune.core.errors import BadUsage
from vidtune.models import BatchInputs, load_model


@dataclass(frozen=True)
class FamilyBench:
    """A tiny checkpoint of one family, and batches of two clips of different lengths."""

    folder: Path
    family: Any
    training: BatchInputs
    prompts: BatchInputs
    alone: BatchInputs
    """The second prompt without the first, and so without padding."""

    def load_base(self, config: AdapterConfig) -> Any:
        return load_model(self.folder, quantization_config=quantization_config(config)).model

    def attach(self, config: AdapterConfig, *, seed: int = 0) -> Any:
        model = self.load_base(config)
        torch.manual_seed(seed)
        targets = {modality: self.family.linear_targets(modality) for modality in self.family.modalities}
        return attach_adapter(
            model, config, targets, modality_of=self.family.modality_of, batches=[self.training, self.training]
        )

    def train(self, model: Any, *, num_steps: int = 2) -> list[float]:
        """Return the losses of a few steps large enough to change every logit."""
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        model.train()
        losses = []
        for _ in range(num_steps):
            loss = model(**self.training, use_cache=False).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return losses

    def logits(self, model: Any) -> torch.Tensor:
        model.eval()
        with torch.no_grad():
            logits: torch.Tensor = model(**self.prompts, use_cache=False).logits
        return logits

    def generate(self, model: Any, prompts: BatchInputs, **options: Any) -> Any:
        """Answer greedily. A random model would also answer with placeholders of a video that is not there."""
        names = ("image_token_id", "video_token_id")
        media = [getattr(model.config, name) for name in names if getattr(model.config, name, None) is not None]
        options = {"max_new_tokens": 4, "suppress_tokens": media, **options}
        return model.eval().generate(
            **prompts, do_sample=False, return_dict_in_generate=True, output_logits=True, **options
        )


FAMILIES = ("qwen2_vl", "smolvlm", "llava_onevision", "internvl", "qwen3_vl")


def make_family_bench(name: str, folder: Path) -> FamilyBench:
    make: Callable[[Path], Path] = (
        make_tiny_folder
        if name == "qwen2_vl"
        else importlib.import_module(f"tests.models.families.tiny_{name}").make_tiny_folder
    )
    loaded = load_model(make(folder))
    items = [
        (converse("Which exercise is this?", "squats - the knees move inwards"), make_frames(4, seed=1)),
        (converse("What colour?", "pushups"), make_frames(2, seed=2)),
    ]
    questions = [(turns[:1], frames) for turns, frames in items]
    family: Any = loaded.family
    return FamilyBench(
        folder,
        family,
        family.encode_training(loaded.processor, items),
        family.encode_prompts(loaded.processor, questions),
        family.encode_prompts(loaded.processor, questions[1:]),
    )


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in (*FAMILIES[1:], "nvila_lite")]


@pytest.fixture(scope="module", params=[FAMILIES[0], *SLOW])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FamilyBench:
    return make_family_bench(request.param, tmp_path_factory.mktemp(request.param) / "tiny")


def lora(**options: Any) -> AdapterConfig:
    return AdapterConfig(kind="lora", rank=4, options=options)


CONFIGS = {
    "lora": lora(),
    "lora, a rank for each tower": AdapterConfig(
        modalities=("vision", "language"), per_modality={"vision": {"rank": 2, "alpha": 3}}
    ),
    "dora": lora(dora=True),
    "pissa": lora(init="pissa"),
    "olora": lora(init="olora"),
    "orthogonal": lora(init="orthogonal"),
    "eva": lora(init="eva"),
    "qlora": AdapterConfig(kind="qlora", rank=4),
    "qlora int8": AdapterConfig(kind="qlora", rank=4, options={"quant_type": "int8"}),
    "qlora, vision too": AdapterConfig(
        kind="qlora", rank=4, modalities=("vision", "language"), options={"quantize_vision": True}
    ),
    "adalora": AdapterConfig(kind="adalora", rank=4, options={"target_rank": 2}),
    "ia3": AdapterConfig(kind="ia3", modalities=("vision", "language")),
    "bottleneck": AdapterConfig(kind="bottleneck", rank=4, modalities=("vision", "language")),
    "prefix": AdapterConfig(kind="prefix", options={"num_tokens": 3}),
    "prompt": AdapterConfig(kind="prompt", options={"num_tokens": 3}),
    "modality_lora": AdapterConfig(kind="modality_lora", rank=4),
    "full, last block": AdapterConfig(kind="full", modalities=("language",), options={"last_blocks": 1}),
}
MERGED = [name for name in CONFIGS if CONFIGS[name].kind in ("lora", "adalora", "ia3", "full")]
NOT_MERGED = ("bottleneck", "prefix", "prompt", "modality_lora")
TESTED_ELSEWHERE = {
    "frozen": "test_lifecycle.py: it has nothing to train",
    "rank_budget": "rank_budget/test_families.py, over the same families",
    "temporal_lora": "test_temporal_lora.py, over these families and llava_next_video",
}


def test_no_kind_is_forgotten():
    assert {config.kind for config in CONFIGS.values()} | TESTED_ELSEWHERE.keys() == set(adapter_kinds.names())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_kind_trains_saves_reloads_to_the_last_bit_and_generates(bench: FamilyBench, name: str, tmp_path: Path):
    config = CONFIGS[name]
    before = bench.logits(bench.load_base(config))
    tuned = bench.attach(config)
    losses = bench.train(tuned)
    expected = bench.logits(tuned)
    save_adapter(tuned, tmp_path)

    loaded = load_adapter(bench.load_base(adapter_config_of(tmp_path)), tmp_path)

    assert losses[1] != losses[0]
    assert torch.equal(bench.logits(loaded), expected)
    assert not torch.allclose(expected, before, atol=1e-4)
    assert adapter_config_of(tmp_path) == config
    answers = [
        bench.generate(model, bench.prompts, use_cache=has_cache).sequences
        for model, has_cache in ((tuned, True), (loaded, True), (loaded, False))
    ]
    assert torch.equal(answers[0], answers[1])
    assert torch.equal(answers[0], answers[2])


@pytest.mark.parametrize("quant_type", ["nf4", "int8"])
@pytest.mark.parametrize("quantize_vision", [False, True])
def test_what_is_stored_in_few_bits_is_said_by_the_config(bench: FamilyBench, quant_type: str, quantize_vision: bool):
    options = {"quant_type": quant_type, "quantize_vision": quantize_vision}
    model = bench.load_base(AdapterConfig(kind="qlora", options=options))
    found = {name for name, module in model.named_modules() if type(module).__name__ in ("Linear4bit", "Linear8bitLt")}
    linear = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    stored = ("vision", "language") if quantize_vision else ("language",)

    expected = {name for name in linear for tower in stored if re.fullmatch(bench.family.linear_targets(tower), name)}
    assert found & expected == expected
    assert {bench.family.modality_of(f"{name}.weight") for name in found} == set(stored)


@pytest.mark.parametrize("name", MERGED)
def test_a_merged_model_answers_as_the_tuned_one(bench: FamilyBench, name: str):
    tuned = bench.attach(CONFIGS[name])
    bench.train(tuned)
    expected = bench.logits(tuned)

    merged = merge_adapter(tuned)

    kept = bench.prompts["attention_mask"].bool()
    assert not any(parameter.requires_grad and "lora" in key for key, parameter in merged.named_parameters())
    assert (bench.logits(merged) - expected).abs()[kept].max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("name", NOT_MERGED)
def test_what_is_no_change_of_weights_cannot_be_merged(bench: FamilyBench, name: str):
    with pytest.raises(BadUsage, match="cannot be merged"):
        merge_adapter(bench.attach(CONFIGS[name]))


@pytest.mark.parametrize("name", NOT_MERGED)
def test_a_prompt_is_answered_the_same_alone_and_beside_a_longer_one(bench: FamilyBench, name: str):
    tuned = bench.attach(CONFIGS[name])
    bench.train(tuned)

    together = bench.generate(tuned, bench.prompts, max_new_tokens=1).logits[0]
    alone = bench.generate(tuned, bench.alone, max_new_tokens=1).logits[0]

    torch.testing.assert_close(alone[0], together[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NOT_MERGED)
def test_gradient_checkpointing_gives_the_same_losses(bench: FamilyBench, name: str):
    config = CONFIGS[name].model_copy(update={"dropout": 0.0})
    plain, checkpointed = bench.attach(config), bench.attach(config)

    checkpointed.activation_checkpointing_enable()

    assert bench.train(checkpointed, num_steps=3) == pytest.approx(bench.train(plain, num_steps=3), rel=1e-5)
