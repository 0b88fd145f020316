"""The processor of Mobile-VideoGPT: frames for the image tower and, squeezed to a square, for the video tower.

Suffix letters: ``g`` groups, ``t`` frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from vidtune.models._clip_processor import ClipProcessor

VIDEO_PLACEHOLDER = "<|video_pad|>"
"""A token of Qwen2.5's tokenizer that the model was not trained with; it is replaced before it is embedded."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}<|video_pad|>\n{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML, the clip and a line break before the question: ``qwen2_instruct`` of the model's own code."""

_MEAN_RGB = (0.485, 0.456, 0.406)
_STD_RGB = (0.229, 0.224, 0.225)


class MobileVideoGptProcessor(ClipProcessor):
    """A CLIP image processor, the pixels of the video tower, and the tokenizer of the language model.

    Args:
        image_processor: For the image tower.
        tokenizer: Gets the placeholder ``<|video_pad|>`` if it has none.
        chat_template: Writes one placeholder for a clip.
        frames_per_group: Frames that the model reads together.
        tokens_per_group: Visual tokens of so many frames.
        video_size: Pixels of a side, as the video tower sees a frame.
        kwargs: What else a saved processor's file holds; not used.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        frames_per_group: int = 16,
        tokens_per_group: int = 2402,
        video_size: int = 224,
        **kwargs: Any,
    ) -> None:
        self.frames_per_group = frames_per_group
        self.tokens_per_group = tokens_per_group
        self.video_size = video_size
        self.name_placeholder(tokenizer, VIDEO_PLACEHOLDER)
        super().__init__(image_processor, tokenizer, chat_template=chat_template or CHAT_TEMPLATE)

    def count_tokens(self, num_frames: int) -> int:
        """Return how many tokens a clip takes: groups that are not full are filled with blank frames."""
        return -(-num_frames // self.frames_per_group) * self.tokens_per_group

    def ids_of_clip(self, num_frames: int) -> list[int]:
        """Return the placeholders of a clip."""
        return [self.video_token_id] * self.count_tokens(num_frames)

    def pixels_of_clips(self, clips_tchw: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the groups of all clips, clip after clip, as either tower takes them."""
        videos = [self._in_groups(squeeze_frames(clip, self.video_size)) for clip in clips_tchw]
        contexts = [self._in_groups(self._context(clip)) for clip in clips_tchw]
        return {"pixel_values_videos": torch.cat(videos), "pixel_values_context": torch.cat(contexts)}

    def _context(self, clip_tchw: torch.Tensor) -> torch.Tensor:
        pictures = self.image_processor(list(clip_tchw), return_tensors="pt", input_data_format="channels_first")
        context_tchw: torch.Tensor = pictures["pixel_values"]
        return context_tchw

    def _in_groups(self, pixels_tchw: torch.Tensor) -> torch.Tensor:
        """Return (groups, frames of a group, ...). Blank frames are zeros after normalising, as in the model's code."""
        missing = -len(pixels_tchw) % self.frames_per_group
        blank = pixels_tchw.new_zeros(missing, *pixels_tchw.shape[1:])
        return torch.cat([pixels_tchw, blank]).reshape(-1, self.frames_per_group, *pixels_tchw.shape[1:])


def squeeze_frames(frames_tchw: torch.Tensor, size_px: int) -> torch.Tensor:
    """Return uint8 frames as the video tower takes them: a square, whatever their aspect, normalised.

    Resized as ``cv2.resize`` does by default (bilinear, without a filter against aliasing, rounded to whole levels).
    """
    resized = torch.nn.functional.interpolate(frames_tchw.float(), (size_px, size_px), mode="bilinear").round()
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (_MEAN_RGB, _STD_RGB))
    return (resized / 255 - mean) / std
