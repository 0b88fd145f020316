from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.media.writing import tone
from tests.models.families.contract import FamilyContract
from tests.models.families.stored import restore
from tests.models.families.tiny_gemma3n import AUDIO_TOKENS, TOKENS_PER_FRAME, make_tiny_folder
from tests.models.prompts import ask, converse, make_frames

from vidtune.adapters import AdapterConfig, attach_adapter, merge_adapter, quantization_config
from vidtune.core.errors import BadUsage, VideoTooLarge
from vidtune.inference import GenerationConfig, Request, generate
from vidtune.media import FrameSet, Sound
from vidtune.models import LoadedModel, SoundPolicy, families, load_model
from vidtune.models.families.gemma3n import FAMILY

MOST_SAMPLES = 10_752
"""What the tiny model's four tokens of sound have room for."""


def heard(frames: FrameSet, waveform_n: np.ndarray, rate_hz: int = 16_000) -> FrameSet:
    return replace(frames, sound=Sound(waveform_n, rate_hz, 0.0, len(waveform_n) / rate_hz, "0" * 64))


class TestGemma3n(FamilyContract):
    name = "gemma3n"
    make_folder = staticmethod(make_tiny_folder)
    shares_clips = False
    linears_left_alone = r"lm_head|.*altup.*|.*per_layer_model_projection|.*relative_position_embedding\.pos_proj"

    def test_targets_are_the_linear_layers_of_their_tower_and_no_others(self, loaded: LoadedModel):
        """And, in the vision tower, which has no linear layers, the pointwise convolutions of its blocks."""
        wanted = set()
        for name, module in loaded.model.named_modules():
            is_pointwise = isinstance(module, torch.nn.Conv2d) and module.kernel_size == (1, 1)
            is_linear = isinstance(module, torch.nn.Linear) and not re.fullmatch(self.linears_left_alone, name)
            if is_linear or (is_pointwise and not name.endswith("conv_pwl")):
                wanted.add(name)

        hit = {
            modality: {
                name for name, _ in loaded.model.named_modules() if re.fullmatch(FAMILY.linear_targets(modality), name)
            }
            for modality in FAMILY.modalities
        }

        assert set.union(*hit.values()) == wanted
        assert all(hit.values())
        for modality, names in hit.items():
            assert {FAMILY.modality_of(name) for name in names} == {modality}

    def test_weights_of_layers_that_share_keys_and_values_are_passed_over(self, folder: Path, tmp_path: Path):
        """The published checkpoints carry them for all layers; only those before the sharing ones are used."""
        unused = {
            f"model.language_model.layers.{layer}.self_attn.{name}.weight": torch.ones(16)
            for layer in (2, 3)
            for name in ("k_proj", "v_proj", "k_norm")
        }
        assert not set(unused) & set(load_file(folder / "model.safetensors"))

        load_model(restore(folder, tmp_path / "published", add=unused), device="cpu")

    def test_every_frame_is_an_image_between_its_own_marks(self, loaded: LoadedModel):
        batch = FAMILY.encode_prompts(loaded.processor, [(ask("hi"), make_frames(3))])

        image = f"\n\n<start_of_image>{'<image_soft_token>' * TOKENS_PER_FRAME}<end_of_image>\n\n"
        text = loaded.processor.tokenizer.decode(batch["input_ids"][0])
        assert text == f"<bos><start_of_turn>user\n{image * 3}hi<end_of_turn>\n<start_of_turn>model\n"
        assert batch["pixel_values"].shape[0] == 3

    def test_answers_longer_than_the_sliding_window_are_those_of_the_library_without_a_cache(self, loaded: LoadedModel):
        """The window of the tiny model is 16 tokens; the cache of its sliding layers drops what is older."""
        requests = [
            Request(ask("hi"), make_frames(2)),
            Request(ask("What colour is the shirt?"), make_frames(1, seed=1)),
        ]
        answers = generate(loaded, requests, GenerationConfig(max_new_tokens=24), batch_size=2)

        for request, answer in zip(requests, answers, strict=True):
            batch = FAMILY.encode_prompts(loaded.processor, [(request.turns, request.frames)])
            stop_ids = list(FAMILY.end_of_turn_ids(loaded.processor))
            alone = loaded.model.generate(
                **batch, max_new_tokens=24, do_sample=False, use_cache=False, eos_token_id=stop_ids
            )
            assert alone[0, batch["input_ids"].shape[1] :].tolist() == list(answer.token_ids)

    def test_lora_on_the_pointwise_convolutions_merges_to_the_same_logits(self, folder: Path):
        loaded = load_model(folder, device="cpu")
        batch = FAMILY.encode_prompts(loaded.processor, [(ask("hi"), make_frames(2))])
        config = AdapterConfig(kind="lora", rank=2, alpha=4, dropout=0.0, modalities=("vision",))
        model = attach_adapter(
            loaded.model, config, {"vision": FAMILY.linear_targets("vision")}, modality_of=FAMILY.modality_of
        )
        torch.manual_seed(0)
        with torch.no_grad():
            plain = model(**batch, use_cache=False).logits
            for name, value in model.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(value, std=0.05)
            tuned = model(**batch, use_cache=False).logits
            merged = merge_adapter(model)(**batch, use_cache=False).logits

        assert (tuned - plain).abs().max() > 1e-3
        torch.testing.assert_close(merged, tuned, rtol=1e-4, atol=1e-4)

    def test_in_four_bits_the_coefficients_that_training_clips_and_the_other_towers_stay_whole(self, folder: Path):
        """The model clips its AltUp coefficients in place while it trains; clipping packed bytes would ruin them."""
        config = AdapterConfig(kind="qlora", rank=2, alpha=4, dropout=0.0, modalities=("language",))
        loaded = load_model(folder, device="cpu", quantization_config=quantization_config(config, device="cpu"))
        kinds = {name: type(module).__name__ for name, module in loaded.model.named_modules()}

        assert kinds["model.language_model.layers.0.self_attn.q_proj"] == "Linear4bit"
        assert {kind for name, kind in kinds.items() if re.search(r"layers\.\d+\.altup\.\w+(coefs|router)", name)} == {
            "Linear"
        }
        assert {kind for name, kind in kinds.items() if "audio_tower" in name and kind.startswith("Linear")} == {
            "Linear"
        }

    def test_sound_stands_behind_the_frames_as_the_librarys_processor_makes_it(self, loaded: LoadedModel):
        processor = loaded.processor
        frames = heard(make_frames(2), tone(0.4, 700))
        content = [{"type": "image"}, {"type": "image"}, {"type": "audio"}, {"type": "text", "text": "hi"}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        expected = processor(
            text=[text],
            images=list(frames.frames_thwc),
            audio=[frames.sound.waveform_n],
            audio_kwargs={"padding": "max_length", "max_length": MOST_SAMPLES},
            text_kwargs={"add_special_tokens": False},
            return_tensors="pt",
        )

        batch = FAMILY.encode_prompts(processor, [(ask("hi"), frames)])

        assert set(batch) == set(expected)
        for name, value in expected.items():
            torch.testing.assert_close(batch[name], value, msg=name)
        assert int((batch["input_ids"] == processor.audio_token_id).sum()) == AUDIO_TOKENS
        assert FAMILY.count_sound_tokens(0.4, processor) == AUDIO_TOKENS
        assert batch.num_visual_tokens() == [2 * TOKENS_PER_FRAME], "tokens of sound are none of pixels"
        with torch.no_grad():
            assert torch.isfinite(loaded.model(**batch, use_cache=False).logits).all()

    def test_what_is_heard_changes_the_answer_and_neighbours_do_not(self, loaded: LoadedModel):
        """Rows with a long sound, a short one, frames alone, and text alone: as each alone, and each its own."""
        frames = make_frames(2)
        items = [
            (ask("hi"), heard(frames, tone(0.6, 400))),
            (ask("hi"), heard(frames, tone(0.05, 2000))),
            (ask("hi"), frames),
            (ask("What colour is the shirt?"), None),
            (ask("hi"), heard(make_frames(1, seed=1), np.zeros(4000, np.float32))),
        ]

        with torch.no_grad():
            together = loaded.model(**FAMILY.encode_prompts(loaded.processor, items), use_cache=False).logits[:, -1]
            alone = [
                loaded.model(**FAMILY.encode_prompts(loaded.processor, [item]), use_cache=False).logits[0, -1]
                for item in items
            ]

        torch.testing.assert_close(together, torch.stack(alone), rtol=0, atol=1e-5)
        assert (together[0] - together[1]).abs().max() > 1e-2
        rows = [FAMILY.encode_prompts(loaded.processor, [item]) for item in items]
        joined = FAMILY.join_prompts(loaded.processor, rows)
        for name, value in FAMILY.encode_prompts(loaded.processor, items).items():
            torch.testing.assert_close(joined[name], value, msg=name)

    def test_nothing_of_the_sound_is_supervised(self, loaded: LoadedModel):
        frames = heard(make_frames(1), tone(0.3, 500))

        batch = FAMILY.encode_training(loaded.processor, [(converse("hi", "squats"), frames)])

        learned = batch["labels"][batch["labels"] != -100]
        assert loaded.processor.tokenizer.decode(learned) == "squats<end_of_turn>"
        assert int((batch["input_ids"] == loaded.processor.audio_token_id).sum()) == AUDIO_TOKENS

    def test_sound_that_would_be_cut_or_heard_too_fast_is_refused(self, loaded: LoadedModel):
        policy = FAMILY.sound_policy(loaded.processor)
        assert policy == SoundPolicy(16_000, MOST_SAMPLES / 16_000)
        too_long = heard(make_frames(1), np.zeros(MOST_SAMPLES + 1, np.float32))
        at_another_rate = heard(make_frames(1), np.zeros(800, np.float32), rate_hz=8_000)

        with pytest.raises(VideoTooLarge, match=r"sound of 0\.67 s is more than the 0\.67 s that gemma3n takes"):
            FAMILY.encode_prompts(loaded.processor, [(ask("hi"), too_long)])
        with pytest.raises(BadUsage, match="gemma3n hears 16,000 samples a second, found 8,000"):
            FAMILY.encode_prompts(loaded.processor, [(ask("hi"), at_another_rate)])


@pytest.mark.parametrize("name", [name for name in families.names() if name != "gemma3n"])
def test_a_family_that_does_not_hear_says_so_and_refuses_sound(name: str):
    family = families.get(name)
    assert (family.sound_policy(None), family.count_sound_tokens(1.0, None)) == (None, 0)

    with pytest.raises(BadUsage, match=f"{name} does not hear"):
        family.encode_prompts(None, [(ask("hi"), heard(make_frames(1), tone(0.1, 500)))])


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("model.vision_tower.timm_model.blocks.3.35.attn.output.proj.weight", "vision"),
        ("base_model.model.model.vision_tower.timm_model.msfa.ffn.pw_exp.conv.lora_A.default.weight", "vision"),
        ("model.embed_vision.embedding_projection.weight", "projector"),
        ("model.embed_audio.embedding.weight", "audio"),
        ("model.audio_tower.conformer.0.attention.attn.q_proj.weight", "audio"),
        ("model.language_model.layers.0.self_attn.q_proj.weight", "language"),
        ("lm_head.weight", "language"),
    ],
)
def test_a_name_tells_its_tower(name: str, modality: str):
    assert FAMILY.modality_of(name) == modality


def test_the_audio_towers_projections_are_not_hit_by_the_languages_targets():
    pattern = re.compile(FAMILY.linear_targets("language"))

    assert not pattern.fullmatch("model.audio_tower.conformer.0.attention.attn.q_proj")
    assert not pattern.fullmatch("model.audio_tower.layers.0.self_attn.q_proj")


def test_an_answer_ends_with_its_turn(tmp_path: Path):
    processor = load_model(make_tiny_folder(tmp_path / "tiny"), device="cpu").processor

    batch = FAMILY.encode_training(processor, [(converse("hi", "squats"), make_frames(1))])

    assert processor.tokenizer.decode(batch["labels"][batch["labels"] != -100]) == "squats<end_of_turn>"
