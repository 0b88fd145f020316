"""Stages are found in any model, with or without an adapter, under the same names; and what an adapter changes."""

from __future__ import annotations

import torch
from tests.adapters.tuning import MODALITIES, Bench

from vidtune.adapters import AdapterConfig, find_stages, merge_adapter, plain_weight, recording, tuned_weights
from vidtune.models.families.qwen2_vl import FAMILY

PLAIN = AdapterConfig(kind="frozen")


def test_an_adapter_does_not_change_the_names_of_stages(bench: Bench) -> None:
    plain = find_stages(bench.load_base(PLAIN), FAMILY.modality_of)

    for config in (
        AdapterConfig(modalities=MODALITIES),
        AdapterConfig(modules_to_train=("vision", "projector")),
        AdapterConfig(kind="qlora"),
    ):
        assert find_stages(bench.attach(config), FAMILY.modality_of) == plain
    assert [stage.name for stage in plain if stage.modality != "language"] == [
        "vision patch_embed",
        "vision layer 1 of 2",
        "vision layer 2 of 2",
        "projector merger",
    ]
    assert plain[1].path == "model.visual.blocks.0"


def test_what_stages_put_out_is_recorded_and_the_model_is_left_as_it_was(bench: Bench) -> None:
    model = bench.attach(AdapterConfig(modules_to_train=("projector",)))
    stages = find_stages(model, FAMILY.modality_of)

    with recording(model, stages) as outputs:
        expected = bench.logits(model)

    assert all(len(parts) == 1 for parts in outputs.values())
    assert outputs["model.language_model.norm"][0].shape[:2] == expected.shape[:2]
    assert outputs["model.visual.merger"][0].shape[1] == outputs["model.language_model.norm"][0].shape[2]
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(bench.logits(model), expected)


def test_tuned_weights_are_those_of_the_merged_model(bench: Bench) -> None:
    model = bench.tune(AdapterConfig(modalities=("vision", "language"), modules_to_train=("projector",)))

    tuned = {weight.path: weight for weight in tuned_weights(model)}

    merged = dict(merge_adapter(model).named_modules())
    assert {FAMILY.modality_of(path) for path in tuned} == set(MODALITIES)
    for path, weight in tuned.items():
        torch.testing.assert_close(plain_weight(merged[path]), weight.tuned, atol=1e-6, rtol=1e-6)
        assert not torch.equal(weight.base, weight.tuned), path


def test_tuned_weights_of_dora_are_those_of_the_merged_model(bench: Bench) -> None:
    model = bench.tune(AdapterConfig(options={"dora": True}))

    tuned = list(tuned_weights(model))

    merged = dict(merge_adapter(model).named_modules())
    assert tuned
    for weight in tuned:
        torch.testing.assert_close(plain_weight(merged[weight.path]), weight.tuned, atol=1e-5, rtol=1e-5)


def test_a_plain_model_has_no_tuned_weights(bench: Bench) -> None:
    assert not list(tuned_weights(bench.load_base(PLAIN)))


def test_a_weight_in_4_bit_is_unpacked(bench: Bench) -> None:
    whole = dict(bench.load_base(PLAIN).named_modules())
    packed = dict(bench.load_base(AdapterConfig(kind="qlora")).named_modules())
    path = "model.language_model.layers.0.mlp.up_proj"

    weight, wanted = plain_weight(packed[path]), plain_weight(whole[path])

    assert weight is not None
    assert wanted is not None
    assert weight.shape == wanted.shape
    assert 0 < (weight - wanted).norm() / wanted.norm() < 0.2
