"""NVILA-Lite: the shared contract, the published layouts, and its parts against slow references written here."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.families.contract import QUESTION, FamilyContract
from tests.models.families.tiny_nvila_lite import make_model, make_processor, make_published_folder, make_tiny_folder
from tests.models.prompts import ask, make_frames

from vidtune.core.errors import BadUsage, ModelMismatch, ModelUnavailable
from vidtune.models import LoadedModel, ensure_torchvision, load_model
from vidtune.models._checkpoint_map import fit_names, read_shapes, tied_names, wanted_shapes

ensure_torchvision()


class TestNvilaLite(FamilyContract):
    name = "nvila_lite"
    make_folder = staticmethod(make_tiny_folder)
    linears_left_alone = r"llm\.lm_head"


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_folder(tmp_path_factory.mktemp("nvila") / "flat")


@pytest.fixture(scope="module")
def loaded(flat: Path) -> LoadedModel:
    return load_model(flat, device="cpu")


@pytest.fixture(scope="module")
def published(flat: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_published_folder(tmp_path_factory.mktemp("nvila") / "published", flat)


def logits_of(loaded: LoadedModel) -> torch.Tensor:
    batch = loaded.family.encode_prompts(loaded.processor, [(ask(QUESTION), make_frames(3, 60, 90))])
    with torch.no_grad():
        return loaded.model(**batch).logits


# Published checkpoints


def real_config() -> Any:
    from vidtune.models.families.nvila_lite.configuration import NvilaLiteConfig

    return NvilaLiteConfig(
        text_config={
            "model_type": "qwen2",
            "vocab_size": 151936,
            "hidden_size": 1536,
            "intermediate_size": 8960,
            "num_hidden_layers": 28,
            "num_attention_heads": 12,
            "num_key_value_heads": 2,
            "tie_word_embeddings": True,
            "rope_theta": 1000000.0,
        },
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "image_size": 448,
            "patch_size": 14,
        },
    )


def test_the_real_checkpoints_names_and_shapes_fit_the_real_model_one_to_one():
    from vidtune.models.families.nvila_lite.checkpoint import PARAMETERS_FILE, key_map
    from vidtune.models.families.nvila_lite.modeling import NvilaLiteForConditionalGeneration

    config = real_config()
    with torch.device("meta"):
        model = NvilaLiteForConditionalGeneration(config)
    written = read_shapes(PARAMETERS_FILE)

    names = fit_names(written, key_map(config), wanted_shapes(model), tied=tied_names(model), source="the list")

    assert set(names.values()) == set(wanted_shapes(model)) - {"llm.lm_head.weight"}
    assert model.llm.config.rope_parameters["rope_theta"] == 1e6
    assert {key for key in written if key not in names} == {
        key
        for key in written
        if ".layers.26." in key and "vision" in key or "post_layernorm" in key and "vision" in key
    }


def test_the_layout_of_folders_loads_to_the_same_logits_as_the_flat_one(loaded: LoadedModel, published: Path):
    other = load_model(published, device="cpu")

    assert other.family.name == "nvila_lite"
    assert torch.equal(logits_of(other), logits_of(loaded))


@pytest.mark.parametrize("level", ["vision_tower.vision_model.", "vision_tower.vision_tower.vision_model."])
def test_the_flat_layout_with_published_names_loads_to_the_same_logits(
    loaded: LoadedModel, flat: Path, published: Path, tmp_path: Path, level: str
):
    tensors = {}
    for part in ("llm", "mm_projector", "vision_tower"):
        for key, tensor in load_file(published / part / "model.safetensors").items():
            tensors[f"{part}.{key}".replace("vision_tower.vision_model.", level)] = tensor
    copy = tmp_path / "hf"
    copy.mkdir()
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    own = json.loads((flat / "config.json").read_text())
    config = {name: own[name] for name in ("text_config", "vision_config", "mm_projector_type")}
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "vila", "mm_vision_select_layer": -2}))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(flat / name, copy / name)

    assert torch.equal(logits_of(load_model(copy, device="cpu")), logits_of(loaded))


def test_a_head_beside_its_tied_embedding_is_taken_only_if_it_is_equal(published: Path, tmp_path: Path):
    copy = Path(shutil.copytree(published, tmp_path / "copy"))
    file = copy / "llm" / "model.safetensors"
    tensors = load_file(file)
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}, file)
    load_model(copy, device="cpu")
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"] + 1}, file)

    with pytest.raises(ModelMismatch, match=r"different values for llm\.lm_head\.weight and llm\.model\.embed_tokens"):
        load_model(copy, device="cpu")


@pytest.mark.parametrize(
    ("part", "config", "message"),
    [
        ("mm_projector", {"mm_projector_type": "mlp_downsample"}, "projector of .* is 'mlp_downsample'"),
        ("llm", {"model_type": "llama", "hidden_size": 8}, "language model of .* is 'llama'"),
        ("vision_tower", {"model_type": "intern_vit_6b", "hidden_size": 8}, "vision tower of .* is 'intern_vit_6b'"),
    ],
)
def test_another_vila_is_refused_by_what_differs(published: Path, tmp_path: Path, part: str, config: Any, message: str):
    copy = Path(shutil.copytree(published, tmp_path / "copy"))
    (copy / part / "config.json").write_text(json.dumps(config))

    with pytest.raises(ModelMismatch, match=message):
        load_model(copy, device="cpu")


def test_a_part_that_is_not_there_is_named(published: Path, tmp_path: Path):
    copy = Path(shutil.copytree(published, tmp_path / "copy"))
    shutil.rmtree(copy / "vision_tower")

    with pytest.raises(ModelUnavailable, match="says nothing about its vision_tower"):
        load_model(copy, device="cpu")


def test_a_weight_of_another_shape_is_named_with_both_shapes(published: Path, tmp_path: Path):
    copy = Path(shutil.copytree(published, tmp_path / "copy"))
    file = copy / "mm_projector" / "model.safetensors"
    save_file(load_file(file) | {"layers.7.bias": torch.zeros(5)}, file)

    with pytest.raises(ModelMismatch, match=r"1 of another shape \(mm_projector\.layers\.7\.bias \(5,\) for \(32,\)"):
        load_model(copy, device="cpu")


# Prompt


def test_a_frame_of_448_pixels_is_121_tokens_and_a_line_break():
    from transformers import SiglipImageProcessor

    from vidtune.models.families.nvila_lite.processing import NvilaLiteProcessor

    tokenizer = make_processor().tokenizer
    processor = NvilaLiteProcessor(SiglipImageProcessor(size={"height": 448, "width": 448}), tokenizer)
    line_break = tokenizer("\n")["input_ids"]

    ids = processor.ids_of_clip(8)

    assert ids == ([processor.video_token_id] * 121 + line_break) * 8


def test_the_prompt_is_that_of_vila(loaded: LoadedModel):
    batch = loaded.family.encode_prompts(loaded.processor, [(ask(QUESTION), make_frames(2))])

    place = "<vila/video>" * loaded.processor.tokens_per_frame
    assert loaded.processor.tokenizer.decode(batch["input_ids"][0]) == (
        "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n"
        f"<|im_start|>user\n{place}\n{place}\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )


def test_more_clips_than_placeholders_are_refused():
    with pytest.raises(ValueError, match="the texts have 0 <vila/video>, and 1 clips were given"):
        make_processor()("hello", videos=[make_frames(2).frames_thwc])


def test_frames_of_another_size_cannot_be_asked_for(flat: Path):
    with pytest.raises(BadUsage, match="one fixed size"):
        load_model(flat, device="cpu", max_pixels=50_000)


# The model against slow references


def naive_projector(projector: Any, patches: torch.Tensor) -> torch.Tensor:
    """One frame, one token at a time, from the description: a 3 x 3 block read row by row, zeros outside."""
    norm_1, linear_1, norm_2, linear_2, linear_3 = (projector.layers[index] for index in (1, 2, 4, 5, 7))
    side = math.isqrt(len(patches))
    tokens = []
    for row in range(0, side, 3):
        for column in range(0, side, 3):
            block = [
                patches[r * side + c] if r < side and c < side else torch.zeros_like(patches[0])
                for r in range(row, row + 3)
                for c in range(column, column + 3)
            ]
            value = linear_1(norm_1(torch.cat(block)))
            value = linear_2(norm_2(gelu(value)))
            tokens.append(linear_3(gelu(value)))
    return torch.stack(tokens)


def gelu(values: torch.Tensor) -> torch.Tensor:
    return 0.5 * values * (1 + torch.erf(values / math.sqrt(2)))


def naive_tower(tower: Any, picture: torch.Tensor, num_layers: int) -> torch.Tensor:
    """One picture through SigLIP's first layers, with attention written as loops over heads."""
    weights = dict(tower.named_parameters())
    config = tower.config
    patch = config.patch_size
    kernel = weights["embeddings.patch_embedding.weight"].flatten(1)
    tokens = torch.stack(
        [
            kernel @ picture[:, row : row + patch, column : column + patch].flatten()
            for row in range(0, picture.shape[1] - patch + 1, patch)
            for column in range(0, picture.shape[2] - patch + 1, patch)
        ]
    )
    tokens = tokens + weights["embeddings.patch_embedding.bias"] + weights["embeddings.position_embedding.weight"]
    for layer in range(num_layers):

        def linear(name: str, values: torch.Tensor, layer: int = layer) -> torch.Tensor:
            prefix = f"encoder.layers.{layer}.{name}"
            return values @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]

        def norm(name: str, values: torch.Tensor, layer: int = layer) -> torch.Tensor:
            prefix = f"encoder.layers.{layer}.{name}"
            centred = values - values.mean(-1, keepdim=True)
            scaled = centred / (centred.square().mean(-1, keepdim=True) + config.layer_norm_eps).sqrt()
            return scaled * weights[f"{prefix}.weight"] + weights[f"{prefix}.bias"]

        normed = norm("layer_norm1", tokens)
        query, key, value = (linear(f"self_attn.{name}_proj", normed) for name in "qkv")
        size = config.hidden_size // config.num_attention_heads
        heads = []
        for head in range(config.num_attention_heads):
            part = slice(head * size, (head + 1) * size)
            scores = torch.exp(query[:, part] @ key[:, part].T / math.sqrt(size))
            heads.append(scores / scores.sum(1, keepdim=True) @ value[:, part])
        tokens = tokens + linear("self_attn.out_proj", torch.cat(heads, dim=1))
        inner = linear("mlp.fc1", norm("layer_norm2", tokens))
        inner = 0.5 * inner * (1 + torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
        tokens = tokens + linear("mlp.fc2", inner)
    return tokens


def test_frames_become_what_a_slow_tower_and_projector_make_of_them():
    model = make_model(make_processor()).double()
    pictures = torch.rand(2, 3, 70, 70, dtype=torch.double, generator=torch.Generator().manual_seed(0))

    with torch.no_grad():
        tokens = model.get_video_features(pictures)
        slow = torch.stack(
            [naive_projector(model.mm_projector, naive_tower(model.vision_tower, one, 2)) for one in pictures]
        )

    assert tokens.shape == (2, 4, 32)  # 5 x 5 patches, filled up to 6 x 6
    torch.testing.assert_close(tokens, slow, rtol=1e-9, atol=1e-10)


def test_the_clips_tokens_stand_in_the_places_of_their_placeholders(loaded: LoadedModel):
    batch = loaded.family.encode_prompts(
        loaded.processor, [(ask("x"), make_frames(2, seed=1)), (ask("longer question"), make_frames(1, seed=2))]
    )
    model = loaded.model
    is_clip = batch["input_ids"] == model.config.video_token_id

    with torch.no_grad():
        tokens = model.get_video_features(batch["pixel_values_videos"]).flatten(0, 1)
        embeds = model.get_input_embeddings()(batch["input_ids"].masked_fill(is_clip, 0))
        embeds[is_clip] = tokens
        by_hand = model.llm(inputs_embeds=embeds, attention_mask=batch["attention_mask"]).logits
        assert torch.equal(model(**batch).logits, by_hand)


def test_pixels_that_do_not_fit_the_prompt_are_refused(loaded: LoadedModel):
    batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), make_frames(2))])
    batch["pixel_values_videos"] = batch["pixel_values_videos"][:1]

    with pytest.raises(ValueError, match="the prompt has 8 placeholder tokens, the pixels make 4"):
        loaded.model(**batch)
