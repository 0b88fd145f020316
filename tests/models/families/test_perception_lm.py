from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.models.families.contract import FamilyContract
from tests.models.families.tiny_perception_lm import TOKENS_PER_FRAME, make_processor, make_tiny_folder
from tests.models.prompts import ask, make_frames

from vidtune.data import Turn
from vidtune.inference import GenerationConfig, Request, generate
from vidtune.models import load_model
from vidtune.models.families.perception_lm import FAMILY


class TestPerceptionLM(FamilyContract):
    name = "perception_lm"
    make_folder = staticmethod(make_tiny_folder)


def decode(processor: Any, turns: tuple[Turn, ...]) -> str:
    batch = FAMILY.encode_prompts(processor, [(turns, make_frames(2))])
    text: str = processor.tokenizer.decode(batch["input_ids"][0])
    return text


def test_a_prompt_begins_once_and_has_the_templates_system_turn():
    clip = "<|video|>" * TOKENS_PER_FRAME * 2

    assert decode(make_processor(), ask("hi")) == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        "You are a helpful language and vision assistant.<|eot_id|>"
        f"<|start_header_id|>user<|end_header_id|>\n\n{clip}hi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_a_system_turn_is_written_as_it_is():
    text = decode(make_processor(), (Turn("system", "Be brief."), *ask("hi")))

    assert "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>" in text


def test_clips_of_unequal_length_are_one_run_of_frames():
    batch = FAMILY.encode_prompts(make_processor(), [(ask("x"), make_frames(2)), (ask("x"), make_frames(3, seed=1))])

    assert batch["pixel_values_videos"].shape[:2] == (1, 5)
    assert batch.num_visual_tokens() == [2 * TOKENS_PER_FRAME, 3 * TOKENS_PER_FRAME]
    assert torch.is_floating_point(batch["pixel_values_videos"])


def test_the_larger_tower_without_a_class_token_answers_too(tmp_path: Path):
    loaded = load_model(make_tiny_folder(tmp_path / "tiny", is_gigantic=True), device="cpu")

    [answer] = generate(loaded, [Request(ask("hi"), make_frames(3, 56, 84))], GenerationConfig(max_new_tokens=2))

    assert answer.num_new_tokens > 0
    assert "cls_token" not in str(list(loaded.model.state_dict()))
