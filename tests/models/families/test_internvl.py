from __future__ import annotations

from tests.models.families.contract import FamilyContract
from tests.models.families.tiny_internvl import TOKENS_PER_FRAME, make_processor, make_tiny_folder
from tests.models.prompts import ask, make_frames

from vidtune.models.families.internvl import FAMILY


class TestInternVL(FamilyContract):
    name = "internvl"
    make_folder = staticmethod(make_tiny_folder)


def test_a_clip_is_a_numbered_list_of_frames():
    processor = make_processor()

    batch = FAMILY.encode_prompts(processor, [(ask("hi"), make_frames(2))])

    image = f"<img>{'<IMG_CONTEXT>' * TOKENS_PER_FRAME}</img>"
    assert processor.tokenizer.decode(batch["input_ids"][0]) == (
        f"<|im_start|>user\nFrame1: {image}\nFrame2: {image}\nhi<|im_end|>\n<|im_start|>assistant\n"
    )
