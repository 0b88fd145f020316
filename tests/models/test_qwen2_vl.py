from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from tests.models.prompts import ask, make_frames
from tests.models.tiny import make_model, make_processor

from vidtune.models import LoadedModel
from vidtune.models.families.qwen2_vl import FAMILY
from vidtune.models.families.qwen2_vl.vision_tower import speed_up_vision

MODALITIES = ("vision", "projector", "language")


def test_every_parameter_has_a_modality(tiny: LoadedModel):
    found = {FAMILY.modality_of(name) for name, _ in tiny.model.named_parameters()}

    assert found == set(MODALITIES)


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("model.visual.patch_embed.proj.weight", "vision"),
        ("visual.blocks.31.mlp.fc1.bias", "vision"),
        ("model.visual.merger.mlp.0.weight", "projector"),
        ("base_model.model.model.visual.merger.modules_to_save.default.ln_q.weight", "projector"),
        ("base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.default.weight", "language"),
        ("lm_head.weight", "language"),
    ],
)
def test_a_name_tells_its_modality_inside_wrappers_too(name: str, modality: str):
    assert FAMILY.modality_of(name) == modality


@pytest.mark.parametrize("name", ["", "audio.proj.weight", "model.visualizer.weight", "mergers.weight"])
def test_a_name_of_no_tower_is_refused(name: str):
    with pytest.raises(ValueError, match="belongs to no tower"):
        FAMILY.modality_of(name)


def test_targets_are_all_linear_layers_of_their_tower_and_no_others(tiny: LoadedModel):
    linear = {name for name, module in tiny.model.named_modules() if isinstance(module, torch.nn.Linear)}

    hit = {
        modality: {
            name for name, _ in tiny.model.named_modules() if re.fullmatch(FAMILY.linear_targets(modality), name)
        }
        for modality in MODALITIES
    }

    assert set.union(*hit.values()) == linear - {"lm_head"}
    assert all(FAMILY.modality_of(name) == modality for modality, names in hit.items() for name in names)


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize(
    "name",
    ["model.language_model.layers.0.self_attn.q_proj", "model.visual.blocks.0.attn.qkv", "model.visual.merger.mlp.0"],
)
def test_targets_do_not_hit_names_that_merely_contain_a_target(modality: str, name: str):
    pattern = re.compile(FAMILY.linear_targets(modality))

    assert not any(pattern.fullmatch(other) for other in (f"audio.{name}", f"{name}.base_layer", f"{name}_extra"))


@pytest.mark.parametrize(
    "clips",
    [
        [make_frames(8, 56, 56)],
        [make_frames(4, 56, 56, 1), make_frames(7, 56, 56, 2)],
        [make_frames(4, 56, 56, 1), make_frames(2, 112, 84, 2), make_frames(6, 56, 56, 3)],
    ],
    ids=["one clip", "equal sizes", "mixed sizes"],
)
def test_the_faster_vision_tower_gives_the_values_and_gradients_of_the_stock_one(clips: list[Any]):
    processor = make_processor()
    batch = FAMILY.encode_prompts(processor, [(ask("x"), clip) for clip in clips])

    features, gradients = [], []
    for is_fast in (False, True):
        model = make_model(processor)
        if is_fast:
            speed_up_vision(model)
        merged = model.model.visual(batch["pixel_values_videos"], batch["video_grid_thw"]).pooler_output
        merged.square().sum().backward()
        features.append(merged.detach())
        gradients.append(
            [model.model.visual.blocks[0].attn.qkv.weight.grad, model.model.visual.patch_embed.proj.weight.grad]
        )

    torch.testing.assert_close(features[1], features[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)


def test_eager_attention_is_left_alone():
    processor = make_processor()
    model = make_model(processor)
    model.set_attn_implementation("eager")

    speed_up_vision(model)

    assert {type(block.attn).__name__ for block in model.model.visual.blocks} == {"VisionAttention"}


def test_a_loaded_model_has_the_faster_vision_tower(tiny: LoadedModel):
    assert type(tiny.model.model.visual.patch_embed).__name__ == "LinearPatchEmbed"
    assert {type(block.attn).__name__ for block in tiny.model.model.visual.blocks} == {"BatchedVisionAttention"}
