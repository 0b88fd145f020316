"""SmolVLM2: SigLIP, pixel shuffle and a SmolLM2 (a Llama)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vidtune.core.durable import read_json
from vidtune.models._extras import require_package
from vidtune.models._family import FramePolicy
from vidtune.models._native import NativeFamily

if TYPE_CHECKING:
    from vidtune.media import FrameSet

__all__ = ["FAMILY", "SmolVLM"]

_NEXT_LETTER = "x"


class SmolVLM(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "smolvlm"
    model_types = ("smolvlm",)
    frame_policy = FramePolicy(num_frames=8)
    model_class = "SmolVLMForConditionalGeneration"
    processor_class = "SmolVLMProcessor"
    towers = {
        "projector": r"(?:^|\.)connector(?:\.|$)",
        "vision": r"(?:^|\.)vision_model(?:\.|$)",
        "language": r"(?:^|\.)(?:text_model|lm_head)(?:\.|$)",
    }
    targets = {
        "vision": r"model\.vision_model\.encoder\.layers\.\d+\.(?:self_attn\.(?:[qkv]|out)_proj|mlp\.fc[12])",
        "projector": r"model\.connector\.modality_projection\.proj",
        "language": r"model\.text_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }
    kept_when_quantized = ("model.vision_model", "model.connector", "lm_head")
    end_tokens = ("<end_of_utterance>", "<|im_end|>", "<|endoftext|>")

    def load_processor(self, folder: Path) -> Any:
        """Return the processor of a checkpoint folder, with clips scaled as its files say."""
        require_package("num2words", family=self.name, purpose='its prompt, which says "eight frames"')
        processor = super().load_processor(folder)
        size = _video_size_beside_images(folder)
        if size is not None:
            processor.video_processor.size = size
        return processor

    def visual_token_id(self, processor: Any) -> int:
        """Return the token of an image: a clip becomes frames with their times."""
        return int(processor.image_token_id)

    def config_token_id(self, config: Any) -> int | None:
        """Return what config.json says of that token."""
        return int(config.image_token_id)

    def join_media(self, name: str, tensors: list[torch.Tensor]) -> torch.Tensor:
        """Return the clips as one with all their frames: (1, frames, ...).

        The processor pads a batch to its longest clip with black frames, which the model drops again; the values that
        it goes on with are the same.
        """
        return torch.cat(tensors, dim=1)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes: every frame is squeezed into one square, whatever its size."""
        return int(num_frames * processor.image_seq_len)

    def _expand(
        self, processor: Any, piece: str, frames: FrameSet, *, is_first: bool
    ) -> tuple[list[int], list[int], dict[str, torch.Tensor]]:
        # The clip ends in two line breaks. Its tokenizer makes one token of them at the end of a text and two before
        # a letter, and here a question follows.
        ids, types, tensors = super()._expand(processor, piece + _NEXT_LETTER, frames, is_first=is_first)
        return ids[:-1], types[:-1], tensors


def _video_size_beside_images(folder: Path) -> dict[str, int] | None:
    """Return the size of clips where the settings for clips lie in the file for images; None where they do not.

    transformers 5.23 then takes the size of images, four times as long, and scales every frame up before it is
    squeezed into the model's square.
    """
    settings = folder / "preprocessor_config.json"
    if (folder / "video_preprocessor_config.json").is_file() or not settings.is_file():
        return None
    sampling = read_json(settings).get("video_sampling") or {}
    size: dict[str, int] | None = sampling.get("video_size")
    return size


FAMILY = SmolVLM()
