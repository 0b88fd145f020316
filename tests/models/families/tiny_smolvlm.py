"""A tiny SmolVLM2: SigLIP with pixel shuffle in front of a SmolLM2 (a Llama)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.families.tiny_tokenizers import train_byte_level
from tests.models.families.tiny_weights import build, small_text, write_folder

from vidtune.models import ensure_torchvision

IMAGE_SIZE_PX = 56
PATCH_SIZE_PX = 14
SCALE_FACTOR = 2
TOKENS_PER_FRAME = (IMAGE_SIZE_PX // PATCH_SIZE_PX // SCALE_FACTOR) ** 2

CHAT_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% elif line['type'] == 'video' %}{{ '<video>' }}{% endif %}"
    "{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def make_processor() -> Any:
    """Return a real SmolVLM processor around a small tokenizer."""
    ensure_torchvision()
    from transformers import SmolVLMImageProcessor, SmolVLMProcessor, SmolVLMVideoProcessor

    named = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    tokenizer = train_byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *named.values()],
        split=None,
        named_tokens=named,
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
    )
    longest = {"longest_edge": IMAGE_SIZE_PX}
    sampling = {"fps": 1, "max_frames": 64, "video_size": {"longest_edge": 2 * IMAGE_SIZE_PX}}
    return SmolVLMProcessor(
        image_processor=SmolVLMImageProcessor(size={"longest_edge": 4 * IMAGE_SIZE_PX}, max_image_size=longest),
        tokenizer=tokenizer,
        video_processor=SmolVLMVideoProcessor(
            size={"longest_edge": 2 * IMAGE_SIZE_PX}, max_image_size=longest, video_sampling=sampling
        ),
        image_seq_len=TOKENS_PER_FRAME,
        chat_template=CHAT_TEMPLATE,
    )


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random two-layer model that fits ``processor``."""
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    config = SmolVLMConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": IMAGE_SIZE_PX,
            "patch_size": PATCH_SIZE_PX,
        },
        text_config={
            "model_type": "llama",
            **small_text(processor),
            "bos_token_id": token_id("<|im_start|>"),
            "eos_token_id": token_id("<end_of_utterance>"),
            "pad_token_id": token_id("<|im_end|>"),
        },
        scale_factor=SCALE_FACTOR,
        image_token_id=token_id("<image>"),
        tie_word_embeddings=False,
    )
    return build(SmolVLMForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed), processor)
