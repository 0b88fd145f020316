"""Load a Qwen2-VL checkpoint: weights, processor, and the checks that the two belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vidtune.core.errors import BadUsage, ModelMismatch
from vidtune.models._weights import load_processor, load_strictly
from vidtune.models.qwen2_vl.config import END_OF_TURN, KEPT_WHEN_QUANTIZED, VIDEO_PLACEHOLDER
from vidtune.models.qwen2_vl.vision_tower import speed_up_vision


def load(
    folder: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
    quantization_config: Any | None,
    max_pixels: int | None,
) -> tuple[Any, Any]:
    """Return model and processor; see ``Family.load``."""
    from transformers import Qwen2VLForConditionalGeneration, Qwen2VLProcessor

    # The processor first: it is read in a moment, and a folder without one fails before weights are loaded.
    processor = load_processor(Qwen2VLProcessor, folder)
    if max_pixels is not None:
        cap_pixels(processor, max_pixels)
    if quantization_config is not None and not getattr(quantization_config, "llm_int8_skip_modules", None):
        quantization_config.llm_int8_skip_modules = list(KEPT_WHEN_QUANTIZED)
    model = load_strictly(
        Qwen2VLForConditionalGeneration, folder, device=device, dtype=dtype, quantization_config=quantization_config
    )
    _check_tokens(folder, model.config, processor)
    speed_up_vision(model)
    return model, processor


def cap_pixels(processor: Any, max_pixels: int) -> None:
    """Make ``processor`` shrink every frame to at most ``max_pixels``, keeping its aspect.

    Raises:
        BadUsage: If that is less than one merged patch.
    """
    video = processor.video_processor
    smallest = (video.patch_size * video.merge_size) ** 2
    if max_pixels < smallest:
        raise BadUsage(f"max_pixels={max_pixels} is less than one token of pixels, {smallest}.", "Raise max_pixels.")
    # The processor enlarges a frame below its lower bound to the next multiples of 28, and lifts the cap to 1.05 times
    # that bound. Either could pass the cap, so a lower bound near it has to give way.
    video.size = {
        "shortest_edge": min(int(video.size["shortest_edge"]), max_pixels // 4),
        "longest_edge": max_pixels,
    }


def _check_tokens(folder: Path, config: Any, processor: Any) -> None:
    tokenizer = processor.tokenizer
    for token, wanted in ((VIDEO_PLACEHOLDER, config.video_token_id), (END_OF_TURN, None)):
        found = tokenizer.get_vocab().get(token)
        if found is None or (wanted is not None and found != wanted):
            raise ModelMismatch(
                f"the tokenizer in {folder} gives {token} the id {found}, config.json says {wanted}.",
                "The folder mixes two models: fetch or save it again.",
            )
    vocab_size = config.text_config.vocab_size
    if len(tokenizer) > vocab_size:
        raise ModelMismatch(
            f"the tokenizer in {folder} has {len(tokenizer)} tokens, the model embeds {vocab_size}.",
            "The folder mixes two models: fetch or save it again.",
        )
