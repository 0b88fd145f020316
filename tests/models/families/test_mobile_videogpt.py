"""Mobile-VideoGPT: the shared contract, published checkpoints, pixels and prompts. Its parts: test_mobile_parts.py."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.families.contract import QUESTION, FamilyContract
from tests.models.families.tiny_mobile_videogpt import TOKENS_PER_GROUP, make_processor, make_tiny_folder
from tests.models.prompts import ask, make_frames

from vidtune.core.errors import ModelMismatch, ModelUnavailable
from vidtune.models import LoadedModel, ensure_torchvision, load_model
from vidtune.models._checkpoint_map import fit_names, read_shapes, tied_names, wanted_shapes

ensure_torchvision()

IMAGE_TOWER = "model.image_vision_tower."


class TestMobileVideoGpt(FamilyContract):
    name = "mobile_videogpt"
    make_folder = staticmethod(make_tiny_folder)
    linears_left_alone = r"lm_head|model\.vision_tower\.vision_encoder\.layers\.\d+\.mixer\.dt_proj(?:_b)?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_folder(tmp_path_factory.mktemp("mobile") / "tiny")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LoadedModel:
    return load_model(folder, device="cpu")


def published(folder: Path, target: Path, *, with_image_tower: bool = True) -> Path:
    """Write the model in ``folder`` as the published checkpoint names it, with what nothing uses and a tied head."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("processor_config.json", "chat_template.jinja"))
    tensors = {
        key.replace("image_vision_tower.vision_tower.", "image_vision_tower.vision_tower.vision_model."): tensor
        for key, tensor in load_file(target / "model.safetensors").items()
    }
    tensors |= {
        key.replace("layers.1.", "layers.2."): tensor.clone() * 2
        for key, tensor in tensors.items()
        if key.startswith(IMAGE_TOWER) and "layers.1." in key
    }
    tensors["model.vision_tower.vision_encoder.clip_decoder.0.head.weight"] = torch.zeros(4, 24)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    if not with_image_tower:
        tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith(IMAGE_TOWER)}
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return target


def logits_of(loaded: LoadedModel) -> torch.Tensor:
    batch = loaded.family.encode_prompts(loaded.processor, [(ask(QUESTION), make_frames(16, 60, 90))])
    with torch.no_grad():
        return loaded.model(**batch).logits


# Published checkpoints


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ("0.5b", {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14}),
        ("1.5b", {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12}),
    ],
)
def test_the_real_checkpoints_names_and_shapes_fit_the_real_model_one_to_one(
    tmp_path: Path, size: str, sizes: dict[str, int]
):
    from vidtune.models.families.mobile_videogpt.checkpoint import PARAMETERS_FILES, key_map, read_config
    from vidtune.models.families.mobile_videogpt.modeling import MobileVideoGptForCausalLM

    published_config = {
        "model_type": "MobileVideoGPT_qwen",
        "mm_vision_tower": "OpenGVLab/VideoMamba/videomamba_m16_25M_f8_res224.pth",
        "image_mm_vision_tower": "openai/clip-vit-base-patch16",
        "mm_projector_type": "etp",
        "image_mm_projector_type": "etp",
        "mm_hidden_size": 576,
        "vocab_size": 151936,
        "num_key_value_heads": 2,
        "rope_theta": 1000000.0,
        "rope_scaling": None,
        "tie_word_embeddings": True,
        **sizes,
    }
    (tmp_path / "config.json").write_text(json.dumps(published_config))
    config = read_config(tmp_path)
    with torch.device("meta"):
        model = MobileVideoGptForCausalLM(config)
    written: dict[str, Any] = {}
    for file in PARAMETERS_FILES[size]:
        written |= read_shapes(file)

    names = fit_names(written, key_map(config), wanted_shapes(model), tied=tied_names(model), source="the list")

    assert set(names.values()) == set(wanted_shapes(model)) - {"lm_head.weight"}
    unused = {key for key in written if key not in names}
    assert all(
        "clip_decoder" in key or (key.startswith(IMAGE_TOWER) and (".layers.11." in key or "post_layernorm" in key))
        for key in unused
    )
    assert (config.frames_per_group, config.tokens_per_group) == (16, 2402)
    assert config.rope_parameters["rope_theta"] == 1e6


def test_a_published_checkpoint_loads_to_the_same_logits(loaded: LoadedModel, folder: Path, tmp_path: Path):
    other = load_model(published(folder, tmp_path / "published"), device="cpu")

    assert torch.equal(logits_of(other), logits_of(loaded))


def test_a_checkpoint_without_image_tower_takes_it_from_its_subfolder(
    loaded: LoadedModel, folder: Path, tmp_path: Path
):
    whole = load_file(published(folder, tmp_path / "whole") / "model.safetensors")
    bare = published(folder, tmp_path / "bare", with_image_tower=False)
    clip = {
        key.removeprefix(f"{IMAGE_TOWER}vision_tower."): value for key, value in whole.items() if IMAGE_TOWER in key
    }
    (bare / "image_vision_tower").mkdir()
    save_file(clip | {"logit_scale": torch.zeros(())}, bare / "image_vision_tower" / "model.safetensors")

    other = load_model(bare, device="cpu")

    assert torch.equal(logits_of(other), logits_of(loaded))


def test_a_checkpoint_without_any_image_tower_says_where_to_put_it(folder: Path, tmp_path: Path):
    bare = published(folder, tmp_path / "bare", with_image_tower=False)
    config = json.loads((bare / "config.json").read_text())
    (bare / "config.json").write_text(json.dumps(config | {"image_mm_vision_tower": str(tmp_path / "nowhere")}))

    with pytest.raises(ModelUnavailable, match=r"has no weights of its image tower") as raised:
        load_model(bare, device="cpu")

    assert "image_vision_tower" in raised.value.remedy


def test_a_checkpoint_that_lost_the_backward_direction_is_refused_by_name(folder: Path, tmp_path: Path):
    """Loaded by stock Mamba these weights are dropped in silence, and the tower sees the clip in one direction only."""
    copy = published(folder, tmp_path / "copy")
    tensors = load_file(copy / "model.safetensors")
    forwards = {key: value for key, value in tensors.items() if "_b." not in key and not key.endswith("_b_log")}
    save_file({key: value for key, value in forwards.items() if not key.endswith("D_b")}, copy / "model.safetensors")

    with pytest.raises(ModelMismatch, match=r"14 missing .*A_b_log"):
        load_model(copy, device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mm_projector_type": "linear"}, "mm_projector_type of .* is 'linear'"),
        ({"mm_vision_tower": "OpenGVLab/InternVideo2"}, "video tower of .* is 'OpenGVLab/InternVideo2'"),
    ],
)
def test_another_variant_is_refused_by_what_differs(folder: Path, tmp_path: Path, change: dict[str, str], message: str):
    copy = published(folder, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | change))

    with pytest.raises(ModelMismatch, match=message):
        load_model(copy, device="cpu")


# Pixels and prompts


def test_sixteen_frames_are_2402_tokens():
    from vidtune.models.families.mobile_videogpt.configuration import MobileVideoGptConfig
    from vidtune.models.families.mobile_videogpt.processing import MobileVideoGptProcessor

    tiny = make_processor()
    processor = MobileVideoGptProcessor(tiny.image_processor, tiny.tokenizer)

    assert len(processor.ids_of_clip(16)) == MobileVideoGptConfig().tokens_per_group == 2402
    assert [processor.count_tokens(frames) for frames in (1, 16, 17, 32)] == [2402, 2402, 4804, 4804]


def test_the_prompt_is_that_of_the_models_own_code(loaded: LoadedModel):
    batch = loaded.family.encode_prompts(loaded.processor, [(ask(QUESTION), make_frames(16))])

    assert loaded.processor.tokenizer.decode(batch["input_ids"][0]) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n{'<|video_pad|>' * TOKENS_PER_GROUP}\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(("height_px", "width_px"), [(224, 224), (448, 448), (360, 640), (100, 90), (61, 333)])
def test_frames_for_the_video_tower_are_resized_as_opencv_does(height_px: int, width_px: int):
    from vidtune.models.families.mobile_videogpt.processing import squeeze_frames

    frames = np.random.default_rng(0).integers(0, 256, (2, height_px, width_px, 3), dtype=np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

    pixels = squeeze_frames(torch.from_numpy(frames).permute(0, 3, 1, 2), 224)

    expected = np.stack([(cv2.resize(frame, (224, 224)) / 255.0 - mean) / std for frame in frames])
    level = 1 / 255 / 0.224
    assert np.abs(pixels.permute(0, 2, 3, 1).numpy() - expected).max() < 1.01 * level


def test_frames_for_the_image_tower_are_those_of_clip(loaded: LoadedModel):
    frames = make_frames(16, 60, 90)
    batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), frames)])

    expected = loaded.processor.image_processor(list(frames.frames_thwc), return_tensors="pt")["pixel_values"]

    assert torch.equal(batch["pixel_values_context"], expected[None])


def test_a_short_clip_is_filled_with_blank_frames(loaded: LoadedModel):
    batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), make_frames(5, 60, 90))])

    for name in ("pixel_values_videos", "pixel_values_context"):
        assert batch[name].shape[:2] == (1, 16)
        assert (batch[name][0, 5:] == 0).all()
        assert (batch[name][0, :5] != 0).any()


def test_clips_that_are_longer_than_a_group_are_read_group_by_group(loaded: LoadedModel):
    frames = make_frames(32, 60, 90)
    batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), frames)])
    model = loaded.model.model

    with torch.no_grad():
        both = model.encode_groups(batch["pixel_values_videos"], batch["pixel_values_context"])
        second = model.encode_groups(batch["pixel_values_videos"][1:], batch["pixel_values_context"][1:])

    assert batch.num_visual_tokens() == [2 * TOKENS_PER_GROUP]
    torch.testing.assert_close(both[1:], second, rtol=0, atol=1e-6)
