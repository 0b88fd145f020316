"""A tiny LLaVA-OneVision: SigLIP at 56 x 56 in front of a Qwen2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.families.tiny_tokenizers import QWEN_SPLIT, train_byte_level
from tests.models.families.tiny_weights import build, small_text, write_folder

from vidtune.models import ensure_torchvision

IMAGE_SIZE_PX = 56
PATCH_SIZE_PX = 14
NUM_PATCHES = (IMAGE_SIZE_PX // PATCH_SIZE_PX) ** 2

# The shape of the real one: media of a turn first, then its text.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ '\\n' + content['text'] }}{% endfor %}"
    "{{ '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def make_processor() -> Any:
    """Return a real LLaVA-OneVision processor around a small tokenizer."""
    ensure_torchvision()
    from transformers import LlavaOnevisionImageProcessor, LlavaOnevisionProcessor, LlavaOnevisionVideoProcessor

    tokenizer = train_byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>"],
        split=QWEN_SPLIT,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    size = {"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX}
    pinpoints = [[IMAGE_SIZE_PX, IMAGE_SIZE_PX], [2 * IMAGE_SIZE_PX, 2 * IMAGE_SIZE_PX]]
    return LlavaOnevisionProcessor(
        image_processor=LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=pinpoints),
        tokenizer=tokenizer,
        video_processor=LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=NUM_PATCHES,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
    )


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random two-layer model that fits ``processor``."""
    from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    config = LlavaOnevisionConfig(
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": IMAGE_SIZE_PX,
            "patch_size": PATCH_SIZE_PX,
            "vision_use_head": False,
        },
        text_config={
            "model_type": "qwen2",
            **small_text(processor),
            "bos_token_id": None,
            "eos_token_id": token_id("<|im_end|>"),
            "pad_token_id": token_id("<|endoftext|>"),
        },
        image_token_index=token_id("<image>"),
        video_token_index=token_id("<video>"),
        image_grid_pinpoints=processor.image_processor.image_grid_pinpoints,
        tie_word_embeddings=False,
    )
    return build(LlavaOnevisionForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed), processor)
