"""A tiny InternVL 3: InternViT with pixel shuffle in front of a Qwen2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.families.tiny_tokenizers import QWEN_SPLIT, train_byte_level
from tests.models.families.tiny_weights import build, small_text, write_folder

from vidtune.models import ensure_torchvision

IMAGE_SIZE_PX = 56
PATCH_SIZE_PX = 14
TOKENS_PER_FRAME = (IMAGE_SIZE_PX // PATCH_SIZE_PX) ** 2 // 4

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}{{ '<IMG_CONTEXT>\\n' }}"
    "{% elif content['type'] == 'video' %}{{ '<video>\\n' }}"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def make_processor() -> Any:
    """Return a real InternVL processor around a small tokenizer."""
    ensure_torchvision()
    from transformers import GotOcr2ImageProcessor, InternVLProcessor, InternVLVideoProcessor

    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = train_byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *named.values()],
        split=QWEN_SPLIT,
        named_tokens=named,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    size = {"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX}
    return InternVLProcessor(
        image_processor=GotOcr2ImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=InternVLVideoProcessor(size=size),
        image_seq_length=TOKENS_PER_FRAME,
        chat_template=CHAT_TEMPLATE,
    )


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random two-layer model that fits ``processor``."""
    from transformers import InternVLConfig, InternVLForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    config = InternVLConfig(
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "image_size": [IMAGE_SIZE_PX, IMAGE_SIZE_PX],
            "patch_size": [PATCH_SIZE_PX, PATCH_SIZE_PX],
            "attention_bias": True,
        },
        text_config={
            "model_type": "qwen2",
            **small_text(processor),
            "bos_token_id": None,
            "eos_token_id": token_id("<|im_end|>"),
            "pad_token_id": token_id("<|endoftext|>"),
        },
        image_token_id=token_id("<IMG_CONTEXT>"),
        image_seq_length=TOKENS_PER_FRAME,
        tie_word_embeddings=False,
    )
    return build(InternVLForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed), processor)
