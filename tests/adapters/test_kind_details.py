"""What single kinds promise: their formulas against plain references, and what they need from training."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.adapters.test_kinds import FamilyBench, make_family_bench
from tests.adapters.tuning import TARGETS, Bench

from vidtune.adapters import (
    AdapterConfig,
    adapter_kinds,
    adapter_penalty,
    after_step,
    attach_adapter,
    learning_rate_multiplier,
    load_adapter,
    merge_adapter,
    plain_weight,
    save_adapter,
    trainable_table,
)
from vidtune.adapters import _kind as kind_module
from vidtune.core.errors import BadUsage, ModelMismatch
from vidtune.models import load_model
from vidtune.models.families.qwen2_vl import FAMILY
from vidtune.training._config import OptimConfig
from vidtune.training._loss import full_loss_sum, supervised_loss_sum
from vidtune.training._optimizer import build_optimizer, trained_parameters

OWN = {
    "prefix": AdapterConfig(kind="prefix", options={"num_tokens": 3}),
    "prompt": AdapterConfig(kind="prompt", options={"num_tokens": 3}),
    "bottleneck": AdapterConfig(kind="bottleneck", rank=4),
    "modality_lora": AdapterConfig(kind="modality_lora", rank=4, dropout=0.0),
}
OWN_KINDS = pytest.mark.parametrize("config", OWN.values(), ids=OWN.keys())


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> FamilyBench:
    """A family whose language tower counts positions plainly."""
    return make_family_bench("llava_onevision", tmp_path_factory.mktemp("llava") / "tiny")


# Rates, penalties, steps


def test_lora_plus_teaches_second_matrices_faster(bench: Bench):
    model = bench.attach(AdapterConfig(options={"plus_ratio": 16}, modalities=("vision", "language")))
    parameters = trained_parameters(model)

    optimizer = build_optimizer(
        parameters,
        OptimConfig(learning_rate=1e-3, vision_lr_multiplier=0.5),
        FAMILY.modality_of,
        lambda name: learning_rate_multiplier(model, name),
    )

    rates = {id(member): group["lr"] for group in optimizer.param_groups for member in group["params"]}
    found = {
        (FAMILY.modality_of(name), "lora_B" in name, round(rates[id(parameter)], 6))
        for name, parameter in parameters.items()
    }
    assert found == {
        ("language", False, 1e-3),
        ("language", True, 16e-3),
        ("vision", False, 0.5e-3),
        ("vision", True, 8e-3),
    }


def test_a_model_without_wishes_learns_at_one_rate_without_a_penalty(bench: Bench):
    model = bench.attach(AdapterConfig(kind="full"))

    after_step(model, step=1, num_steps=2)

    assert {learning_rate_multiplier(model, name) for name, _ in model.named_parameters()} == {1.0}
    assert adapter_penalty(model) is None
    assert adapter_penalty(bench.load_base(AdapterConfig())) is None


def adalora_steps(bench: Bench, model: Any, *, num_steps: int) -> None:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    model.train()
    for step in range(1, num_steps + 1):
        penalty = adapter_penalty(model)
        assert penalty is not None
        (supervised_loss_sum(model, bench.training) + penalty).backward()
        optimizer.step()
        after_step(model, step=step, num_steps=num_steps, optimizer=optimizer)
        optimizer.zero_grad()


def test_adalora_ends_with_the_mean_rank_that_was_asked_for_and_reloads_to_the_last_bit(bench: Bench, tmp_path: Path):
    config = AdapterConfig(kind="adalora", rank=6, options={"target_rank": 2})
    model = bench.attach(config)
    adalora_steps(bench, model, num_steps=10)
    ranks = [int((parameter != 0).sum()) for name, parameter in model.named_parameters() if "lora_E" in name]
    expected = bench.logits(model)
    save_adapter(model, tmp_path)

    loaded = load_adapter(bench.load_base(config), tmp_path)

    assert sum(ranks) == 2 * len(ranks)
    assert len(set(ranks)) > 1
    assert torch.equal(bench.logits(loaded), expected)
    merged = bench.logits(merge_adapter(loaded))
    assert (merged - expected).abs()[bench.prompts["attention_mask"].bool()].max() < 1e-3


def test_the_penalty_of_adalora_is_the_one_that_peft_adds_to_its_own_loss(bench: Bench):
    config = AdapterConfig(kind="adalora", rank=4, dropout=0.0, options={"target_rank": 2})
    model = bench.attach(config).eval()

    with_penalty = model.base_model(**bench.training, use_cache=False).loss
    plain = model.get_base_model()(**bench.training, use_cache=False).loss

    torch.testing.assert_close(with_penalty - plain, adapter_penalty(model), rtol=1e-4, atol=1e-5)


def test_a_target_rank_above_the_rank_is_bad_usage(bench: Bench):
    with pytest.raises(BadUsage, match="target_rank=8 is not below rank=4"):
        bench.attach(AdapterConfig(kind="adalora", rank=4))


# Beginnings


@pytest.mark.parametrize("init", ["gaussian", "orthogonal", "pissa", "olora", "eva"])
def test_no_beginning_changes_what_the_model_answers(bench: Bench, init: str):
    config = AdapterConfig(rank=4, options={"init": init})
    torch.manual_seed(0)

    model = attach_adapter(bench.load_base(config), config, TARGETS, batches=[bench.training])

    expected = bench.logits(bench.load_base(config))
    torch.testing.assert_close(bench.logits(model), expected, atol=1e-3, rtol=1e-3)


def test_eva_begins_with_directions_of_the_inputs_and_keeps_the_sum_of_ranks(bench: Bench):
    config = AdapterConfig(rank=4, options={"init": "eva"})
    model = attach_adapter(bench.load_base(config), config, TARGETS, batches=[bench.training])

    firsts = [parameter for name, parameter in model.named_parameters() if "lora_A" in name]
    ranks = [len(first) for first in firsts]

    assert sum(ranks) == 4 * len(firsts)
    assert len(set(ranks)) > 1
    for first in firsts:
        torch.testing.assert_close(first @ first.T, torch.eye(len(first)), atol=1e-4, rtol=0)


def test_eva_without_data_is_bad_usage(bench: Bench):
    with pytest.raises(BadUsage, match="no batches were given"):
        bench.attach(AdapterConfig(options={"init": "eva"}))


def test_loftq_is_nearer_to_the_whole_base_than_rounding_alone(bench: Bench):
    config = AdapterConfig(kind="qlora", rank=8, options={"init": "loftq"})
    plain_config = AdapterConfig(kind="qlora", rank=8)
    whole = dict(bench.load_base(AdapterConfig()).named_modules())

    model = bench.attach(config)

    for name, module in model.get_base_model().named_modules():
        if hasattr(module, "lora_A"):
            wanted, rounded = plain_weight(whole[name]), plain_weight(module.get_base_layer())
            with_matrices = rounded + module.get_delta_weight("default").detach()
            assert (wanted - with_matrices).norm() < 0.9 * (wanted - rounded).norm()
    expected = bench.logits(bench.load_base(AdapterConfig()))
    error, plain_error = (
        (bench.logits(bench.attach(each)) - expected).norm().item() for each in (config, plain_config)
    )
    assert error < plain_error


def test_per_modality_ranks_are_those_of_the_matrices_and_plain_peft_reads_them(bench: Bench, tmp_path: Path):
    config = AdapterConfig(
        rank=4, alpha=8, modalities=("vision", "language"), per_modality={"vision": {"rank": 2, "alpha": 3}}
    )
    model = bench.tune(config)
    ranks = {
        (FAMILY.modality_of(name), len(parameter)) for name, parameter in model.named_parameters() if "lora_A" in name
    }
    save_adapter(model, tmp_path)

    assert ranks == {("vision", 2), ("language", 4)}
    scales = {
        (FAMILY.modality_of(name), module.scaling["default"])
        for name, module in model.named_modules()
        if hasattr(module, "lora_A")
    }
    assert scales == {("vision", 1.5), ("language", 2.0)}
    torch.testing.assert_close(plain_peft_logits(bench, tmp_path), bench.logits(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["lora", "qlora", "temporal_lora"])
def test_targets_choose_layers_of_one_tower_and_reach_no_other(bench: Bench, kind: str):
    """Both towers have layers of a name that ends with ``proj``; only those of the named tower are narrowed."""
    model = bench.attach(
        AdapterConfig(
            kind=kind,
            rank=4,
            modalities=("vision", "language"),
            per_modality={"vision": {"targets": "proj", "rank": 2}, "language": {"targets": "q_proj|v_proj"}},
        )
    )
    adapted = {name.rpartition(".lora_A")[0] for name, _ in model.named_parameters() if "lora_A" in name}
    by_tower: dict[str, set[str]] = {}
    for name in adapted:
        by_tower.setdefault(FAMILY.modality_of(f"{name}.weight"), set()).add(name.rpartition(".")[2])
    ranks = {(FAMILY.modality_of(name), len(p)) for name, p in model.named_parameters() if "lora_A" in name}

    assert by_tower == {"vision": {"proj"}, "language": {"q_proj", "v_proj"}}
    assert ranks == {("vision", 2), ("language", 4)}


def test_targets_that_end_no_layer_of_the_tower_are_named_with_those_that_do(bench: Bench):
    config = AdapterConfig(modalities=("vision", "language"), per_modality={"vision": {"targets": "q_proj"}})

    with pytest.raises(BadUsage, match="targets='q_proj' is the end of no linear layer of the vision.*fc1.*qkv"):
        bench.attach(config)


@pytest.mark.parametrize(
    "config",
    [
        AdapterConfig(kind="ia3", modalities=("vision", "language")),
        AdapterConfig(kind="adalora", rank=4, options={"target_rank": 2}),
        AdapterConfig(rank=4, options={"dora": True}),
        AdapterConfig(rank=4, options={"init": "pissa"}),
    ],
    ids=["ia3", "adalora", "dora", "pissa"],
)
def test_plain_peft_loads_what_we_save(bench: Bench, config: AdapterConfig, tmp_path: Path):
    model = bench.tune(config)
    save_adapter(model, tmp_path)

    torch.testing.assert_close(plain_peft_logits(bench, tmp_path), bench.logits(model), rtol=1e-4, atol=1e-4)


def plain_peft_logits(bench: Bench, folder: Path) -> torch.Tensor:
    from peft import PeftModel
    from transformers import Qwen2VLForConditionalGeneration

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        base = Qwen2VLForConditionalGeneration.from_pretrained(bench.folder, dtype=torch.float32)
        return bench.logits(PeftModel.from_pretrained(base, folder))


# Storage


def test_a_base_in_8_bit_trains_generates_and_trains_on_and_is_not_merged(bench: Bench):
    config = AdapterConfig(kind="qlora", options={"quant_type": "int8"})
    model = bench.attach(config)

    losses = []
    for _ in range(3):
        losses += bench.train(model)
        model.eval().generate(**bench.prompts, max_new_tokens=3, do_sample=False)

    assert losses[-1] < losses[0]
    with pytest.raises(BadUsage, match="cannot be merged into a 8-bit base"):
        merge_adapter(model)


def test_a_base_in_the_wrong_number_of_bits_is_bad_usage(bench: Bench):
    base = bench.load_base(AdapterConfig(kind="qlora"))

    with pytest.raises(BadUsage, match="loaded in 8 bit"):
        attach_adapter(base, AdapterConfig(kind="qlora", options={"quant_type": "int8"}), TARGETS)


def test_numbers_in_8_bit_take_a_quarter_of_the_bytes(bench: Bench):
    whole, small = (
        {row.modality: row for row in trainable_table(bench.attach(config), FAMILY.modality_of)}["language"]
        for config in (AdapterConfig(), AdapterConfig(kind="qlora", options={"quant_type": "int8"}))
    )
    model = bench.load_base(AdapterConfig(kind="qlora", options={"quant_type": "int8"}))
    in_8_bit = [module.weight for module in model.modules() if type(module).__name__ == "Linear8bitLt"]

    saved = whole.weight_bytes - small.weight_bytes

    assert saved == sum(3 * weight.numel() - 4 * weight.shape[0] for weight in in_8_bit)


# Blocks


def test_the_last_blocks_of_the_named_towers_are_trained_and_a_projector_whole(bench: Bench):
    config = AdapterConfig(kind="full", options={"last_blocks": 1})

    model = bench.attach(config)

    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    expected = {
        name
        for name, _ in model.named_parameters()
        if name.startswith(("model.visual.blocks.1.", "model.language_model.layers.1.", "model.visual.merger."))
    }
    assert trained == expected


def test_more_blocks_than_there_are_is_bad_usage(bench: Bench):
    with pytest.raises(BadUsage, match="last_blocks=3, but the language tower has 2"):
        bench.attach(AdapterConfig(kind="full", modalities=("language",), options={"last_blocks": 3}))


# Prefix and prompt against plain references


def text_only(bench: FamilyBench) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor([[5, 9, 3, 17, 4], [8, 2, 6, 5, 11]])
    return ids, torch.arange(ids.shape[1])[None].expand_as(ids)


def test_a_prompt_is_the_same_as_its_vectors_before_the_input(llava: FamilyBench):
    config = OWN["prompt"]
    plain = llava.load_base(config)
    model = llava.attach(config).eval()
    ids, _ = text_only(llava)
    vectors = model.model.language_model.prompt.vectors

    with torch.no_grad():
        found = model(input_ids=ids, use_cache=False).logits
        joined = torch.cat([vectors.expand(2, -1, -1), plain.get_input_embeddings()(ids)], dim=1)
        expected = plain(inputs_embeds=joined, use_cache=False).logits[:, len(vectors) :]

    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_prefix_is_the_same_as_its_keys_and_values_in_a_cache(llava: FamilyBench):
    from transformers import DynamicCache

    config = OWN["prefix"]
    plain = llava.load_base(config).eval()
    model = llava.attach(config).eval()
    ids, positions = text_only(llava)
    cache = DynamicCache()
    for index, layer in enumerate(model.model.language_model.layers):
        prefix = layer.self_attn.prefix
        cache.update(*(part.detach().expand(2, -1, -1, -1) for part in (prefix.keys, prefix.values)), index)

    with torch.no_grad():
        found = model(input_ids=ids, use_cache=False).logits
        expected = plain.model.language_model(
            inputs_embeds=plain.get_input_embeddings()(ids),
            position_ids=positions,
            attention_mask=torch.ones(2, 8, dtype=torch.long),
            past_key_values=cache,
        ).last_hidden_state

    torch.testing.assert_close(found, plain.lm_head(expected), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["prefix", "prompt"])
def test_choosing_another_attention_afterwards_does_not_lose_it(llava: FamilyBench, kind: str):
    model = llava.attach(OWN[kind])
    expected = llava.logits(model)

    model.set_attn_implementation({"text_config": "eager"})

    assert torch.equal(llava.logits(model), expected)
    assert not torch.allclose(llava.logits(llava.load_base(OWN[kind])), expected, atol=1e-4)


# Token routes


def test_equal_first_matrices_are_plain_lora(llava: FamilyBench):
    model = llava.attach(OWN["modality_lora"])
    llava.train(model)
    plain = llava.load_base(OWN["modality_lora"])
    with torch.no_grad():
        for name, module in model.named_modules():
            if hasattr(module, "first"):
                for first in module.first.values():
                    first.weight.copy_(module.first["text"].weight)
                layer = plain.get_submodule(name.rpartition(".")[0])
                layer.weight += 8.0 * module.second.weight @ module.first["text"].weight

    torch.testing.assert_close(llava.logits(model), llava.logits(plain), atol=1e-4, rtol=1e-4)


def test_text_does_not_touch_the_matrices_of_video(llava: FamilyBench):
    model = llava.attach(OWN["modality_lora"])
    llava.train(model)
    ids, _ = text_only(llava)
    other = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        text, video = model(input_ids=ids, use_cache=False).logits, llava.logits(model)
        for name, parameter in model.named_parameters():
            if ".first.vision." in name:
                parameter.mul_(-2)
        changed_text, changed_video = model(input_ids=ids, use_cache=False).logits, llava.logits(model)

    assert any(".first.vision." in name for name in other)
    assert torch.equal(text, changed_text)
    assert not torch.allclose(video, changed_video, atol=1e-3)


def test_a_model_that_is_given_no_ids_cannot_route(llava: FamilyBench):
    model = llava.attach(OWN["modality_lora"])

    with pytest.raises(BadUsage, match="no input_ids"):
        model(inputs_embeds=torch.zeros(1, 2, model.get_input_embeddings().weight.shape[1]))


# What all of ours share


@OWN_KINDS
def test_the_loss_of_training_is_the_loss_of_the_model(bench: Bench, config: AdapterConfig):
    model = bench.tune(config).eval()

    with torch.no_grad():
        found, expected = supervised_loss_sum(model, bench.training), full_loss_sum(model, bench.training)

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@OWN_KINDS
def test_what_is_trained_belongs_to_the_language_tower_and_is_counted(bench: Bench, config: AdapterConfig):
    model = bench.attach(config)
    num = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)

    rows = {row.modality: row for row in trainable_table(model, FAMILY.modality_of)}

    assert num > 0
    assert {row.modality for row in rows.values() if row.num_trainable} == {"language"}
    assert (rows["language"].num_trainable, rows["language"].optimizer_bytes) == (num, 8 * num)


@OWN_KINDS
def test_training_goes_on_from_a_loaded_adapter_as_if_never_saved(bench: Bench, config: AdapterConfig, tmp_path: Path):
    tuned = bench.tune(config)
    save_adapter(tuned, tmp_path)

    loaded = load_adapter(bench.load_base(config), tmp_path, trainable=True)

    torch.manual_seed(7)
    expected = bench.train(tuned)
    torch.manual_seed(7)
    assert bench.train(loaded) == expected


@pytest.mark.parametrize("kind", ["bottleneck", "modality_lora", "ia3", "adalora"])
def test_a_fresh_adapter_changes_nothing(bench: Bench, kind: str):
    config = AdapterConfig(kind=kind)

    assert torch.equal(bench.logits(bench.attach(config)), bench.logits(bench.load_base(config)))


@OWN_KINDS
@pytest.mark.parametrize("damage", ["lost tensor", "lost plan", "cut weights"])
def test_a_damaged_adapter_is_a_named_error(bench: Bench, config: AdapterConfig, damage: str, tmp_path: Path):
    save_adapter(bench.attach(config), tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    if damage == "lost plan":
        (tmp_path / "adapter_plan.json").unlink()
    elif damage == "cut weights":
        weights.write_bytes(weights.read_bytes()[:50])
    else:
        tensors = load_file(weights)
        del tensors[min(tensors)]
        save_file(tensors, weights, metadata={"format": "pt"})

    with pytest.raises(ModelMismatch, match=r"do(es)? not fit|they differ in"):
        load_adapter(bench.load_base(config), tmp_path)


@pytest.mark.parametrize("kind", ["prefix", "prompt", "modality_lora"])
def test_kinds_for_the_language_tower_refuse_others(bench: Bench, kind: str):
    with pytest.raises(BadUsage, match=f"{kind} tunes the language tower"):
        bench.attach(AdapterConfig(kind=kind, modalities=("vision",)))


@pytest.mark.parametrize("kind", ["bottleneck", "ia3"])
def test_a_tower_without_layers_is_refused(llava: FamilyBench, kind: str):
    with pytest.raises(BadUsage, match="the projector tower of this model has no attention or MLP"):
        llava.attach(AdapterConfig(kind=kind, modalities=("projector",)))


# One file, one kind

TOY = '''
"""BitFit (Ben Zaken et al. 2021, arXiv 2106.10199): only bias vectors are trained."""

from vidtune.adapters.kinds.full import _Full


class _BitFit(_Full):
    default_modalities = ("language",)

    def attach(self, model, config, towers):
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.endswith(".bias") and towers.modality_of(name) in config.modalities)
        return model


KIND = _BitFit()
'''


def test_a_file_in_the_folder_of_kinds_is_a_kind(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "bitfit.py").write_text(TOY)
    (tmp_path / "_shared.py").write_text("")
    folder = kind_module._folder
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    found = kind_module._kind_files()
    monkeypatch.setattr(adapter_kinds, "_targets", {**adapter_kinds._targets, **found})
    config = AdapterConfig(kind="bitfit")

    tuned = bench.tune(config)
    save_adapter(tuned, tmp_path / "adapter")
    loaded = load_adapter(load_model(bench.folder).model, tmp_path / "adapter")

    assert "_shared" not in found
    assert torch.equal(bench.logits(loaded), bench.logits(tuned))
    trained = {name for name, parameter in tuned.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(name.endswith(".bias") and FAMILY.modality_of(name) == "language" for name in trained)
