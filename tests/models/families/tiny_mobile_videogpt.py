"""A tiny Mobile-VideoGPT: real numbers of frames, chunks and directions, small widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.families.tiny_weights import build, small_text, write_folder
from tests.models.tiny import make_tokenizer

from vidtune.models import ensure_torchvision

IMAGE_SIZE_PX = 48
IMAGE_SIDE = 2
VIDEO_SIDE = 2
TOKENS_PER_GROUP = 16 * IMAGE_SIDE**2 + 2 * VIDEO_SIDE**2


def make_processor() -> Any:
    """Return our processor around a small tokenizer."""
    ensure_torchvision()
    from transformers import CLIPImageProcessor

    from vidtune.models.families.mobile_videogpt.processing import MobileVideoGptProcessor

    side = {"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX}
    return MobileVideoGptProcessor(
        CLIPImageProcessor(size={"shortest_edge": IMAGE_SIZE_PX}, crop_size=side),
        make_tokenizer(),
        frames_per_group=16,
        tokens_per_group=TOKENS_PER_GROUP,
        video_size=IMAGE_SIZE_PX,
    )


def make_config(processor: Any) -> Any:
    from vidtune.models.families.mobile_videogpt.configuration import MobileVideoGptConfig

    token_id = processor.tokenizer.convert_tokens_to_ids
    return MobileVideoGptConfig(
        **small_text(processor),
        tie_word_embeddings=True,
        eos_token_id=token_id("<|im_end|>"),
        pad_token_id=token_id("<|endoftext|>"),
        video_tower_config={
            "image_size": IMAGE_SIZE_PX,
            "patch_size": 16,
            "num_hidden_layers": 2,
            "hidden_size": 24,
            "state_size": 4,
            "time_step_rank": 3,
        },
        image_tower_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "image_size": IMAGE_SIZE_PX,
            "patch_size": 16,
        },
        image_side=IMAGE_SIDE,
        video_side=VIDEO_SIDE,
        video_token_id=processor.video_token_id,
    )


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random model that fits ``processor``."""
    from vidtune.models.families.mobile_videogpt.modeling import MobileVideoGptForCausalLM

    return build(MobileVideoGptForCausalLM, make_config(processor), seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed), processor)
