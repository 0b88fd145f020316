"""Every kind: train, save, load on a fresh base, same logits to the last bit; and what goes wrong on the way."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.adapters.tuning import MODALITIES, TARGETS, Bench, make_bench
from tests.models.tiny import make_tiny_folder

from vidtune.adapters import (
    AdapterConfig,
    adapter_config_of,
    adapter_kinds,
    attach_adapter,
    base_of_adapter,
    is_adapter_folder,
    load_adapter,
    merge_adapter,
    quantization_config,
    save_adapter,
)
from vidtune.core.errors import BadUsage, ModelMismatch
from vidtune.models import load_model
from vidtune.models.families.qwen2_vl import FAMILY

CONFIGS = {
    "lora": AdapterConfig(kind="lora"),
    "lora everywhere": AdapterConfig(kind="lora", modalities=MODALITIES, rank=4, alpha=3),
    "lora rank-stabilized": AdapterConfig(kind="lora", options={"rank_stabilized": True}),
    "lora and projector": AdapterConfig(kind="lora", modules_to_train=("projector",)),
    "lora and embeddings": AdapterConfig(kind="lora", modules_to_train=("embeddings",)),
    "lora, projector and embeddings": AdapterConfig(kind="lora", modules_to_train=("projector", "embeddings")),
    "whole vision tower": AdapterConfig(kind="lora", modules_to_train=("vision",)),
    "qlora": AdapterConfig(kind="qlora"),
    "qlora everywhere": AdapterConfig(kind="qlora", modalities=MODALITIES),
    "full": AdapterConfig(kind="full"),
    "full projector": AdapterConfig(kind="full", modalities=("projector",)),
    "full language": AdapterConfig(kind="full", modalities=("language",)),
}
TRAINABLE = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
MATRICES = pytest.mark.parametrize(
    "config",
    [config for config in CONFIGS.values() if config.kind == "lora"],
    ids=[n for n in CONFIGS if CONFIGS[n].kind == "lora"],
)


@TRAINABLE
def test_a_tuned_model_is_the_same_after_saving_and_loading(bench: Bench, config: AdapterConfig, tmp_path: Path):
    before = bench.logits(bench.load_base(config))
    tuned = bench.tune(config)
    expected = bench.logits(tuned)
    save_adapter(tuned, tmp_path)

    loaded = load_adapter(bench.load_base(adapter_config_of(tmp_path)), tmp_path)

    assert torch.equal(bench.logits(loaded), expected)
    assert not torch.allclose(expected, before, atol=1e-3)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert adapter_config_of(tmp_path) == config


@TRAINABLE
def test_training_goes_on_from_a_loaded_adapter_as_if_never_saved(bench: Bench, config: AdapterConfig, tmp_path: Path):
    tuned = bench.tune(config)
    save_adapter(tuned, tmp_path)

    loaded = load_adapter(bench.load_base(config), tmp_path, trainable=True)
    names = [
        {name for name, parameter in model.named_parameters() if parameter.requires_grad} for model in (tuned, loaded)
    ]
    torch.manual_seed(7)
    expected = bench.train(tuned)
    torch.manual_seed(7)

    assert names[0] == names[1]
    assert bench.train(loaded) == expected


@TRAINABLE
def test_only_the_named_towers_are_trainable_and_all_of_them_learn(bench: Bench, config: AdapterConfig):
    model = bench.attach(config)

    trainable = {FAMILY.modality_of(name) for name, parameter in model.named_parameters() if parameter.requires_grad}
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    bench.train(model)
    changed = {
        FAMILY.modality_of(name)
        for name, parameter in model.named_parameters()
        if not torch.equal(parameter, before[name])
    }

    assert trainable == changed == {*config.modalities, *config.modules_to_train} - {"embeddings"}


@pytest.mark.parametrize("kind", ["lora", "qlora"])
@pytest.mark.parametrize("is_tied", [True, False])
def test_trained_embeddings_stay_one_matrix_with_a_head_that_shares_them(tmp_path: Path, kind: str, is_tied: bool):
    bench = make_bench(make_tiny_folder(tmp_path, tie=is_tied))
    config = AdapterConfig(kind=kind, modules_to_train=("embeddings",))
    before = bench.load_base(config)
    old_in, old_head = before.get_input_embeddings().weight, before.get_output_embeddings().weight
    tuned = bench.tune(config)
    new_in, new_head = tuned.get_input_embeddings().weight, tuned.get_output_embeddings().weight

    assert not torch.equal(new_in, old_in)
    assert not torch.equal(new_head, old_head)
    assert torch.equal(new_in, new_head) is is_tied
    save_adapter(tuned, tmp_path / "adapter")
    if kind == "lora":
        expected = bench.logits(tuned)
        merged = merge_adapter(load_adapter(bench.load_base(config), tmp_path / "adapter"))
        merged.save_pretrained(tmp_path / "merged")
        assert torch.allclose(bench.logits(type(merged).from_pretrained(tmp_path / "merged")), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["lora", "qlora"])
def test_a_fresh_adapter_changes_nothing(bench: Bench, kind: str):
    config = AdapterConfig(kind=kind, modalities=MODALITIES)

    assert torch.equal(bench.logits(bench.attach(config)), bench.logits(bench.load_base(config)))


def test_a_seed_gives_the_same_adapter(bench: Bench):
    first, again, other = (
        {name: p for name, p in bench.attach(CONFIGS["lora"], seed=seed).named_parameters() if "lora_A" in name}
        for seed in (1, 1, 2)
    )

    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not any(torch.equal(value, other[name]) for name, value in first.items())


def test_frozen_saves_and_loads_the_base_as_it_is(bench: Bench, tmp_path: Path):
    config = AdapterConfig(kind="frozen")
    model = bench.attach(config)
    save_adapter(model, tmp_path)

    loaded = load_adapter(bench.load_base(config), tmp_path)

    assert not any(parameter.requires_grad for parameter in [*model.parameters(), *loaded.parameters()])
    assert torch.equal(bench.logits(loaded), bench.logits(bench.load_base(config)))


def test_plain_peft_loads_what_we_save(bench: Bench, tmp_path: Path):
    from peft import PeftModel
    from transformers import Qwen2VLForConditionalGeneration

    config = AdapterConfig(modalities=("vision", "language"), modules_to_train=("projector",))
    tuned = bench.tune(config)
    save_adapter(tuned, tmp_path)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        plain = PeftModel.from_pretrained(
            Qwen2VLForConditionalGeneration.from_pretrained(bench.folder, dtype=torch.float32), tmp_path
        )

    # The stock model attends to one frame pair at a time, so the last bits may differ.
    torch.testing.assert_close(bench.logits(plain), bench.logits(tuned), rtol=1e-5, atol=1e-5)


def test_we_load_what_plain_peft_saves(bench: Bench, tmp_path: Path):
    tuned = bench.tune(CONFIGS["lora everywhere"])
    tuned.save_pretrained(tmp_path)

    loaded = load_adapter(bench.load_base(adapter_config_of(tmp_path)), tmp_path)

    assert not (tmp_path / "vidtune_adapter.json").exists()
    assert base_of_adapter(tmp_path) == str(bench.folder.resolve())
    assert torch.equal(bench.logits(loaded), bench.logits(tuned))


@MATRICES
def test_a_merged_model_answers_as_the_tuned_one(bench: Bench, config: AdapterConfig):
    tuned = bench.tune(config)
    expected = bench.logits(tuned)

    merged = merge_adapter(tuned)

    kept = bench.prompts["attention_mask"].bool()
    assert type(merged).__name__ == "Qwen2VLForConditionalGeneration"
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert (bench.logits(merged) - expected).abs()[kept].max() < 1e-4


def test_a_qlora_adapter_is_merged_into_the_whole_base_and_not_into_4_bit(bench: Bench, tmp_path: Path):
    tuned = bench.tune(CONFIGS["qlora"])
    save_adapter(tuned, tmp_path)
    with pytest.raises(BadUsage, match="cannot be merged into a 4-bit base"):
        merge_adapter(tuned)

    whole = load_adapter(load_model(base_of_adapter(tmp_path)).model, tmp_path)
    expected = bench.logits(whole)

    assert (bench.logits(merge_adapter(whole)) - expected).abs().max() < 1e-4


def test_qlora_trains_generates_and_trains_on(bench: Bench):
    """Fails on CPUs with AVX512-BF16 when bitsandbytes repacks the weights at the first forward in eval mode."""
    model = bench.load_base(CONFIGS["qlora"])
    bench.logits(model)
    model = attach_adapter(model, CONFIGS["qlora"], TARGETS)

    losses = []
    for _ in range(3):
        losses += bench.train(model)
        model.eval().generate(**bench.prompts, max_new_tokens=3, do_sample=False)

    assert losses[-1] < losses[0]
    assert len(set(losses)) == len(losses)


def test_qlora_trains_with_gradient_checkpointing_to_the_same_losses(bench: Bench):
    config = AdapterConfig(kind="qlora", modalities=MODALITIES, dropout=0.0)
    plain, checkpointed = bench.attach(config), bench.attach(config)

    checkpointed.activation_checkpointing_enable()

    assert bench.train(checkpointed) == pytest.approx(bench.train(plain), rel=1e-6)


def test_a_4_bit_base_keeps_vision_and_head_as_they_are(bench: Bench):
    model = bench.load_base(CONFIGS["qlora"])

    in_4_bit = {name for name, module in model.named_modules() if type(module).__name__ == "Linear4bit"}

    assert in_4_bit
    assert {FAMILY.modality_of(name) for name in in_4_bit} == {"language"}
    assert "lm_head" not in in_4_bit
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_nf4_with_double_quantization_is_what_is_asked_for_and_float32_is_computed_on_a_cpu():
    config = quantization_config(CONFIGS["qlora"], device="cpu")

    assert (config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == ("nf4", True)
    assert config.bnb_4bit_compute_dtype == torch.float32


@pytest.mark.parametrize("kind", ["lora", "full", "frozen"])
def test_other_kinds_leave_the_base_unquantized(kind: str):
    assert quantization_config(AdapterConfig(kind=kind)) is None


def test_qlora_on_a_base_that_is_not_in_4_bit_is_bad_usage(bench: Bench):
    with pytest.raises(BadUsage, match="needs a base that was loaded in 4 bit"):
        attach_adapter(load_model(bench.folder).model, CONFIGS["qlora"], TARGETS)


def test_the_folder_says_what_it_is(bench: Bench, tmp_path: Path):
    save_adapter(bench.attach(CONFIGS["lora"]), tmp_path)

    record = json.loads((tmp_path / "vidtune_adapter.json").read_text())

    assert is_adapter_folder(tmp_path)
    assert not is_adapter_folder(bench.folder)
    assert base_of_adapter(tmp_path) == record["base"]["source"] == str(bench.folder.resolve())
    assert record["kind"] == "lora"
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == base_of_adapter(
        tmp_path
    )


@pytest.mark.parametrize("change", [{"seed": 5}, {"hidden_size": 64}], ids=["other weights", "other size"])
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_an_adapter_on_another_base_names_both(bench: Bench, tmp_path: Path, kind: str, change: dict[str, int]):
    save_adapter(bench.attach(AdapterConfig(kind=kind)), tmp_path / "adapter")
    other = make_tiny_folder(tmp_path / "other", **change)

    with pytest.raises(ModelMismatch) as caught:
        load_adapter(load_model(other).model, tmp_path / "adapter")

    assert f"was trained on {bench.folder.resolve()} (" in caught.value.problem
    assert f"the model given is {other.resolve()} (" in caught.value.problem


def test_a_plain_peft_adapter_on_a_base_of_another_size_is_a_named_error(bench: Bench, tmp_path: Path):
    bench.attach(CONFIGS["lora"]).save_pretrained(tmp_path / "adapter")
    other = make_tiny_folder(tmp_path / "other", hidden_size=64)

    with pytest.raises(ModelMismatch, match="size mismatch"):
        load_adapter(load_model(other).model, tmp_path / "adapter")


def test_a_renamed_checkpoint_with_the_same_weights_is_the_same_base(bench: Bench, tmp_path: Path):
    tuned = bench.tune(CONFIGS["lora"])
    save_adapter(tuned, tmp_path / "adapter")

    twin = load_model(make_tiny_folder(tmp_path / "twin")).model

    assert torch.equal(bench.logits(load_adapter(twin, tmp_path / "adapter")), bench.logits(tuned))


def test_a_missing_tensor_is_named(bench: Bench, tmp_path: Path):
    save_adapter(bench.attach(CONFIGS["lora"]), tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    lost = sorted(tensors)[3]
    del tensors[lost]
    save_file(tensors, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelMismatch, match=lost.replace(".", r"\.")):
        load_adapter(bench.load_base(CONFIGS["lora"]), tmp_path)


def test_an_unexpected_tensor_is_named(bench: Bench, tmp_path: Path):
    save_adapter(bench.attach(CONFIGS["lora"]), tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    tensors["base_model.model.model.audio.proj.lora_A.weight"] = torch.zeros(2, 2)
    save_file(tensors, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelMismatch, match=r"audio\.proj"):
        load_adapter(bench.load_base(CONFIGS["lora"]), tmp_path)


@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.parametrize("num_bytes", [0, 60, 5_000])
def test_cut_off_weights_are_a_named_error(bench: Bench, tmp_path: Path, kind: str, num_bytes: int):
    save_adapter(bench.attach(AdapterConfig(kind=kind)), tmp_path)
    weights = next(tmp_path.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:num_bytes])

    with pytest.raises(ModelMismatch, match="do(es)? not fit"):
        load_adapter(bench.load_base(AdapterConfig(kind=kind)), tmp_path)


def test_a_pickled_adapter_is_never_loaded(bench: Bench, tmp_path: Path):
    save_adapter(bench.attach(CONFIGS["lora"]), tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()
    (tmp_path / "adapter_model.bin").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")

    with pytest.raises(ModelMismatch, match=r"no adapter_model\.safetensors.*never loaded"):
        load_adapter(bench.load_base(CONFIGS["lora"]), tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 9, "base": {}, "config": {}}'])
def test_a_damaged_record_is_a_named_error(tmp_path: Path, text: str):
    (tmp_path / "vidtune_adapter.json").write_text(text)

    with pytest.raises(ModelMismatch, match=r"damaged|schema 9"):
        base_of_adapter(tmp_path)


def test_an_adapter_of_a_kind_that_is_not_installed_is_a_named_error(bench: Bench, tmp_path: Path):
    save_adapter(bench.attach(CONFIGS["lora"]), tmp_path)
    record = json.loads((tmp_path / "vidtune_adapter.json").read_text())
    record["config"]["kind"] = "from_elsewhere"
    (tmp_path / "vidtune_adapter.json").write_text(json.dumps(record))

    with pytest.raises(ModelMismatch, match=r"Unknown adapter_kind 'from_elsewhere'.*not installed here"):
        load_adapter(bench.load_base(CONFIGS["lora"]), tmp_path)


def test_a_folder_without_an_adapter_is_a_named_error(tmp_path: Path):
    with pytest.raises(ModelMismatch, match="is no adapter"):
        base_of_adapter(tmp_path)


def test_a_tower_that_the_model_lacks_is_bad_usage(bench: Bench):
    with pytest.raises(BadUsage, match="has no vision tower; it has language"):
        attach_adapter(
            bench.load_base(CONFIGS["lora"]), AdapterConfig(modalities=("vision",)), {"language": TARGETS["language"]}
        )


@pytest.mark.parametrize("config", [CONFIGS["lora and projector"], CONFIGS["full language"]])
def test_training_a_tower_whole_without_knowing_where_it_is_is_bad_usage(bench: Bench, config: AdapterConfig):
    with pytest.raises(BadUsage, match="needs modality_of"):
        attach_adapter(bench.load_base(config), config, TARGETS)


@pytest.mark.parametrize("action", [merge_adapter, lambda model: save_adapter(model, Path("never"))])
def test_a_model_without_an_adapter_cannot_be_saved_or_merged_as_one(bench: Bench, action: Any):
    with pytest.raises(BadUsage, match="has no adapter"):
        action(bench.load_base(CONFIGS["lora"]))


def test_attaching_saving_and_loading_print_nothing(bench: Bench, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    for config in (CONFIGS["qlora"], CONFIGS["full"]):
        save_adapter(bench.attach(config), tmp_path / config.kind)
        load_adapter(bench.load_base(config), tmp_path / config.kind)

    assert capfd.readouterr() == ("", "")


def test_a_new_kind_is_one_object(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class BiasOnly(type(adapter_kinds.get("full"))):
        """Trains the bias vectors of the named towers, as BitFit does."""

        default_modalities = ("language",)

        def attach(self, model: Any, config: AdapterConfig, towers: Any) -> Any:
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(name.endswith(".bias") and towers.modality_of(name) in config.modalities)
            return model

    monkeypatch.setattr(adapter_kinds, "_targets", dict(adapter_kinds._targets))
    adapter_kinds.register("bias", BiasOnly())
    config = AdapterConfig(kind="bias")

    tuned = bench.tune(config)
    save_adapter(tuned, tmp_path)
    loaded = load_adapter(bench.load_base(config), tmp_path)

    assert torch.equal(bench.logits(loaded), bench.logits(tuned))


def test_an_adapter_of_a_bfloat16_base_stays_in_float32_and_reloads_exactly(base_folder: Path, tmp_path: Path):
    bench = make_bench(base_folder)
    model = load_model(base_folder, dtype="bfloat16").model
    tuned = attach_adapter(model, CONFIGS["lora"], TARGETS)
    bench.train(tuned)
    save_adapter(tuned, tmp_path)

    loaded = load_adapter(load_model(base_folder, dtype="bfloat16").model, tmp_path)

    assert {p.dtype for p in tuned.parameters() if p.requires_grad} == {torch.float32}
    assert torch.equal(bench.logits(loaded), bench.logits(tuned))
