from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.models.families.contract import FamilyContract
from tests.models.families.tiny_video_llama_3 import make_original_folder, make_tiny_folder
from tests.models.prompts import ask, make_frames
from tests.models.tiny import make_tokenizer

from vidtune.core.errors import ModelMismatch, ModelUnavailable
from vidtune.media import frameset_from_array
from vidtune.models import LoadedModel, ensure_torchvision, load_model
from vidtune.models._checkpoint_map import read_shapes
from vidtune.models.families import video_llama_3
from vidtune.models.families.video_llama_3.original import KEY_MAPPING, build_config


class TestVideoLlama3(FamilyContract):
    name = "video_llama_3"
    make_folder = staticmethod(make_tiny_folder)

    def test_tokens_that_repeat_are_dropped_and_the_count_is_an_upper_bound(self, loaded: LoadedModel):
        still = frameset_from_array(np.full((4, 56, 84, 3), 90, dtype=np.uint8), fps=2.0)

        batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), still)])

        counted = loaded.family.count_visual_tokens(4, 56, 84, loaded.processor)
        per_frame = counted // 4
        assert batch.num_visual_tokens() == [per_frame + 3]

    def test_each_frame_stands_behind_its_time(self, loaded: LoadedModel):
        frames = make_frames(3, 56, 84)

        batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), frames)])

        prompt = loaded.processor.tokenizer.decode(batch["input_ids"][0])
        assert [f"Time {time_s:.1f}s:<" in prompt for time_s in frames.times_s] == [True] * 3

    @pytest.mark.parametrize(("num_frames", "max_pixels"), [(2, 28 * 28), (4, 56 * 56), (3, 5000)])
    def test_a_cap_holds_for_each_frame_however_many_there_are(self, folder: Path, num_frames: int, max_pixels: int):
        loaded = load_model(folder, device="cpu", max_pixels=max_pixels)

        batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), make_frames(num_frames, 112, 84))])

        _, rows, columns = batch["video_grid_thw"][0].tolist()
        assert rows * columns * 14 * 14 <= max_pixels
        assert batch.num_visual_tokens() == [loaded.family.count_visual_tokens(num_frames, 112, 84, loaded.processor)]

    def test_logits_of_the_last_token_alone_are_the_last_of_all(self, loaded: LoadedModel):
        batch = self._batch(loaded)

        with torch.no_grad():
            whole = loaded.model(**batch).logits
            last = loaded.model(**batch, logits_to_keep=1).logits

        assert last.shape[1] == 1
        torch.testing.assert_close(last, whole[:, -1:], rtol=1e-5, atol=1e-5)


def logits(loaded: LoadedModel) -> Any:
    batch = loaded.family.encode_prompts(loaded.processor, [(ask("Which exercise?"), make_frames(4, 56, 84))])
    with torch.no_grad():
        return loaded.model(**batch).logits


@pytest.fixture(scope="module")
def original_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in its authors' layout; do not write into it."""
    return make_original_folder(tmp_path_factory.mktemp("original") / "tiny")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return make_original_folder(tmp_path / "copied")


def test_the_authors_layout_gives_the_logits_of_transformers_layout(original_folder: Path, tmp_path: Path):
    original = load_model(original_folder, device="cpu")
    native = load_model(make_tiny_folder(tmp_path / "native"), device="cpu")

    assert original.family.name == "video_llama_3"
    assert torch.equal(logits(original), logits(native))


def test_what_is_saved_from_the_authors_layout_is_in_transformers_layout(original_folder: Path, tmp_path: Path):
    original = load_model(original_folder, device="cpu")
    original.model.save_pretrained(tmp_path)
    original.processor.save_pretrained(tmp_path)

    again = load_model(tmp_path, device="cpu")

    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "video_llama_3"
    assert "model.vision_model.post_layernorm.weight" in load_file(tmp_path / "model.safetensors")
    assert torch.equal(logits(again), logits(original))


REAL_2B_CONFIG = {
    "model_type": "videollama3_qwen2",
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": True,
    "mm_projector_type": "mlp2x_gelu",
    "use_token_compression": True,
    "vision_encoder": None,
    "vision_encoder_config": {
        "model_type": "videollama3_vision_encoder",
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "num_channels": 3,
        "patch_size": 14,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-06,
        "attention_dropout": 0.0,
    },
}


REAL_7B_CONFIG = {
    **REAL_2B_CONFIG,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "tie_word_embeddings": False,
}


@pytest.mark.parametrize(("size", "real_config"), [("2b", REAL_2B_CONFIG), ("7b", REAL_7B_CONFIG)])
def test_every_weight_of_the_real_checkpoints_finds_its_place(size: str, real_config: dict[str, Any], tmp_path: Path):
    """Names and shapes from the published architecture, against the real class at its real size (without memory)."""
    ensure_torchvision()
    from transformers import VideoLlama3ForConditionalGeneration

    make_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(real_config))
    config = build_config(tmp_path)
    with torch.device("meta"):
        model = VideoLlama3ForConditionalGeneration(config)
    wanted = {name: tuple(value.shape) for name, value in model.named_parameters()}

    found = {}
    for name, shape in read_shapes(Path(video_llama_3.__file__).with_name(f"parameters_{size}.txt")).items():
        for theirs, ours in KEY_MAPPING:
            name = re.sub(theirs, ours, name)
        found[name] = shape

    assert found == wanted
    assert config.text_config.rope_parameters["rope_theta"] == 1e6
    assert (model.lm_head.weight is model.get_input_embeddings().weight) == (size == "2b")


def test_another_projector_than_transformers_has_is_a_named_error(copied: Path):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "mm_projector_type": "linear"}))

    with pytest.raises(ModelMismatch, match="projector 'linear', expected .* mlp2x_gelu"):
        load_model(copied)


def test_a_missing_tokenizer_of_the_authors_layout_is_a_named_error(copied: Path):
    (copied / "tokenizer.json").unlink()

    with pytest.raises(ModelUnavailable, match="no usable tokenizer"):
        load_model(copied)
