from __future__ import annotations

from dataclasses import replace

import torch
from tests.models.families.contract import QUESTION, FamilyContract
from tests.models.families.tiny_smolvlm import TOKENS_PER_FRAME, make_processor, make_tiny_folder
from tests.models.prompts import ask, make_frames

from vidtune.models import LoadedModel
from vidtune.models.families.smolvlm import FAMILY


class TestSmolVLM(FamilyContract):
    name = "smolvlm"
    make_folder = staticmethod(make_tiny_folder)

    def test_clips_of_unequal_length_give_the_logits_of_the_librarys_padded_batch(self, loaded: LoadedModel):
        """The library pads clips with black frames to the longest; here their frames lie one after the other.

        Its prompt then counts the black frames too ("five frames" for two), so only the pixels are taken from it.
        """
        clips = [make_frames(2, 56, 84, seed=1), make_frames(5, 70, 56, seed=2)]
        batch = FAMILY.encode_prompts(loaded.processor, [(ask(QUESTION), clip) for clip in clips])
        messages = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": QUESTION}]}]
        text = loaded.processor.apply_chat_template(messages, add_generation_prompt=True)
        metadata = [
            {
                "total_num_frames": len(clip.times_s),
                "fps": clip.fps,
                "frames_indices": list(clip.indices),
                "duration": clip.duration_s,
            }
            for clip in clips
        ]
        padded = loaded.processor(
            text=[text, text],
            videos=[clip.frames_thwc for clip in clips],
            text_kwargs={"padding": True, "padding_side": "left"},
            videos_kwargs={"do_sample_frames": False, "video_metadata": metadata},
            return_tensors="pt",
        )

        with torch.no_grad():
            ours = loaded.model(**batch, use_cache=False).logits
            pixels = {name: padded[name] for name in ("pixel_values", "pixel_attention_mask")}
            theirs = loaded.model(**{**batch, **pixels}, use_cache=False).logits

        assert padded["pixel_values"].shape[:2] == (2, 5)
        assert batch["pixel_values"].shape[:2] == (1, 7)
        assert "two frames" in loaded.processor.tokenizer.decode(batch["input_ids"][0])
        is_text = batch["attention_mask"].bool()
        torch.testing.assert_close(ours[is_text], theirs[is_text], rtol=1e-5, atol=1e-5)


def test_frames_carry_their_own_times_also_when_they_are_not_evenly_spaced():
    processor = make_processor()
    frames = replace(make_frames(3), times_s=(0.4, 61.0, 65.9), duration_s=70.0)

    batch = FAMILY.encode_prompts(processor, [(ask("hi"), frames)])

    image = f"<fake_token_around_image><global-img>{'<image>' * TOKENS_PER_FRAME}<fake_token_around_image>"
    assert processor.tokenizer.decode(batch["input_ids"][0]) == (
        "<|im_start|>User: You are provided the following series of three frames from a 0:01:10 [H:MM:SS] video.\n"
        f"\nFrame from 00:00:{image}\nFrame from 01:01:{image}\nFrame from 01:05:{image}\n\n"
        "hi<end_of_utterance>\nAssistant:"
    )
