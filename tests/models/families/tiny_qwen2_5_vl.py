"""A tiny Qwen2.5-VL: windows and full attention in the vision tower."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.families.tiny_weights import build, small_text, write_folder
from tests.models.tiny import CHAT_TEMPLATE, make_tokenizer

from vidtune.models import ensure_torchvision


def make_processor() -> Any:
    """Return a real Qwen2.5-VL processor around the small tokenizer."""
    ensure_torchvision()
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    size = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=size),
        tokenizer=make_tokenizer(),
        video_processor=Qwen2VLVideoProcessor(size=size),
        chat_template=CHAT_TEMPLATE,
    )


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random two-layer model that fits ``processor``."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config={
            **small_text(processor),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 2, 4]},
            "bos_token_id": None,
            "eos_token_id": token_id("<|im_end|>"),
            "pad_token_id": token_id("<|endoftext|>"),
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 32,
            "window_size": 56,
            "fullatt_block_indexes": [1],
            "tokens_per_second": 2,
        },
        image_token_id=token_id("<|image_pad|>"),
        video_token_id=token_id("<|video_pad|>"),
        vision_start_token_id=token_id("<|vision_start|>"),
        vision_end_token_id=token_id("<|vision_end|>"),
        tie_word_embeddings=False,
    )
    return build(Qwen2_5_VLForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed), processor)
