"""The processor of NVILA-Lite: every frame is squeezed into one square picture, and ends with a line break.

Published processors of NVILA add the line break as the last of 122 tokens of a frame, and so do we: a clip of f frames
takes 121 f visual tokens and f line breaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from vidtune.models._clip_processor import ClipProcessor
from vidtune.models.families.nvila_lite.projector import tokens_of_grid

VIDEO_PLACEHOLDER = "<vila/video>"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n"
    "{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}<vila/video>{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML with the system turn of VILA's Qwen2 template (without a full stop), and media in lists."""

PATCH_SIZE_PX = 14


class NvilaLiteProcessor(ClipProcessor):
    """A SigLIP image processor for the frames and the tokenizer of the language model.

    Args:
        image_processor: Its size is the size at which the tower sees a frame.
        tokenizer: Gets the placeholder ``<vila/video>`` if it has none.
        chat_template: Writes one placeholder for a clip.
        patch_size: Of the tower, in pixels.
        kwargs: What else a saved processor's file holds; not used.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        patch_size: int = PATCH_SIZE_PX,
        **kwargs: Any,
    ) -> None:
        self.patch_size = patch_size
        self.name_placeholder(tokenizer, VIDEO_PLACEHOLDER)
        super().__init__(image_processor, tokenizer, chat_template=chat_template or CHAT_TEMPLATE)

    @property
    def tokens_per_frame(self) -> int:
        """Visual tokens of a frame, its line break not counted."""
        return tokens_of_grid(int(self.image_processor.size["height"]) // self.patch_size)

    def ids_of_clip(self, num_frames: int) -> list[int]:
        """Return placeholders and a line break for every frame."""
        line_break: list[int] = self.tokenizer("\n", add_special_tokens=False)["input_ids"]
        return ([self.video_token_id] * self.tokens_per_frame + line_break) * num_frames

    def pixels_of_clips(self, clips_tchw: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the pixels of all frames, clip after clip."""
        frames = [frame for clip in clips_tchw for frame in clip]
        pictures = self.image_processor(frames, return_tensors="pt", input_data_format="channels_first")
        return {"pixel_values_videos": pictures["pixel_values"]}
