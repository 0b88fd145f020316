from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.families.contract import ANSWER, QUESTION, FamilyContract
from tests.models.families.stored import restore
from tests.models.families.tiny_llava_next_video import (
    MISTRAL_TEMPLATE,
    TOKENS_PER_FRAME,
    make_processor,
    make_tiny_folder,
)
from tests.models.prompts import ask, converse, make_frames

from vidtune.data import Turn
from vidtune.models import IGNORED_LABEL, LoadedModel, load_model
from vidtune.models.families.llava_next_video import FAMILY

CONVERSATION = converse(QUESTION, ANSWER, "And the back?", "keep it straight")


def library_ids(processor: Any, turns: tuple[Turn, ...], frames: Any, *, for_generation: bool) -> list[int]:
    """Return the ids that the library's processor makes of a conversation."""
    messages = [{"role": turn.role, "content": [{"type": "text", "text": turn.text}]} for turn in turns]
    next(message for message in messages if message["role"] == "user")["content"].insert(0, {"type": "video"})
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=for_generation)
    return processor(text=[text], videos=[frames.frames_thwc], do_sample_frames=False)["input_ids"][0].tolist()


class TestLlavaNextVideo(FamilyContract):
    name = "llava_next_video"
    make_folder = staticmethod(make_tiny_folder)

    @pytest.mark.parametrize("has_clip", [True, False])
    def test_a_conversation_is_what_the_library_makes_of_it(self, loaded: LoadedModel, has_clip: bool):
        """Besides the ends of answers, which the template leaves out and training needs."""
        frames = make_frames(4, 56, 84) if has_clip else None
        turns = (Turn("system", "Be brief."), *CONVERSATION)

        batch = FAMILY.encode_training(loaded.processor, [(turns, frames)])

        is_end = batch["input_ids"] == loaded.processor.tokenizer.eos_token_id
        expected = self.reference(loaded, turns, frames, for_generation=False)
        assert int(is_end.sum()) == 2
        assert torch.equal(batch["input_ids"][~is_end], expected["input_ids"][0])

    def test_the_published_names_of_weights_are_known(self, folder: Path, loaded: LoadedModel, tmp_path: Path):
        def publish(name: str) -> str:
            return name.replace("vision_tower.", "vision_tower.vision_model.")

        published = load_model(restore(folder, tmp_path / "published", rename=publish), device="cpu")

        weights = published.model.state_dict()
        assert all(torch.equal(weights[name], value) for name, value in loaded.model.state_dict().items())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("has_chatml", [False, True])
def test_prompts_are_the_librarys_for_both_kinds_of_tokenizer_and_template(legacy: bool, has_chatml: bool):
    processor = make_processor(legacy=legacy, has_chatml=has_chatml)
    frames = make_frames(3, 56, 84)
    turns = (*CONVERSATION, Turn("user", "What moves?"))

    batch = FAMILY.encode_prompts(processor, [(turns, frames)])

    ids = batch["input_ids"][0].tolist()
    if not has_chatml:
        ids = [token for token in ids if token != processor.tokenizer.eos_token_id]
    assert ids == library_ids(processor, turns, frames, for_generation=True)


def test_mistrals_template_is_followed_and_its_own_ends_are_the_ends():
    processor = make_processor()
    processor.chat_template = MISTRAL_TEMPLATE
    frames = make_frames(3, 56, 84)

    prompt = FAMILY.encode_prompts(processor, [(ask(QUESTION), frames)])["input_ids"][0].tolist()
    training = FAMILY.encode_training(processor, [(CONVERSATION, frames)])

    whole = training["input_ids"][0].tolist()
    assert prompt == library_ids(processor, ask(QUESTION), frames, for_generation=True)
    assert whole == library_ids(processor, CONVERSATION, frames, for_generation=False)
    assert whole[: len(prompt)] == prompt
    assert int((training["labels"] == processor.tokenizer.eos_token_id).sum()) == 2


@pytest.mark.parametrize(("has_chatml", "end"), [(False, "</s>"), (True, "<|im_end|>")])
def test_an_answer_ends_as_the_template_says(has_chatml: bool, end: str):
    processor = make_processor(has_chatml=has_chatml)

    batch = FAMILY.encode_training(processor, [(CONVERSATION, make_frames(2, 56, 84))])

    supervised = batch["labels"][batch["labels"] != IGNORED_LABEL]
    end_id = processor.tokenizer.convert_tokens_to_ids(end)
    assert FAMILY.end_of_turn_ids(processor)[0] == end_id
    assert supervised[-1] == end_id
    assert int((supervised == end_id).sum()) == 2


def test_the_middle_square_of_a_frame_is_what_the_model_sees():
    """The processor cuts the sides of wide frames off: what happens there cannot be learned."""
    processor = make_processor()
    frames = make_frames(1, 56, 168)
    changed = make_frames(1, 56, 168)
    changed.frames_thwc[:, :, :40] = 0

    one, other = (FAMILY.encode_prompts(processor, [(ask("x"), clip)]) for clip in (frames, changed))

    assert torch.equal(one["pixel_values_videos"], other["pixel_values_videos"])
    assert one.num_visual_tokens() == [TOKENS_PER_FRAME]
