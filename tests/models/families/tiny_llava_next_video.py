"""A tiny LLaVA-NeXT-Video: CLIP with 2x2 pooling in front of a Vicuna (a Llama)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.families.tiny_tokenizers import train_sentencepiece
from tests.models.families.tiny_weights import build, small_text, write_folder

from vidtune.models import ensure_torchvision

IMAGE_SIZE_PX = 56
PATCH_SIZE_PX = 14
TOKENS_PER_FRAME = (IMAGE_SIZE_PX // PATCH_SIZE_PX) ** 2 // 4

VICUNA_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>\\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] + ' '}}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
"""Of the 7B checkpoints; it does not end an answer."""

CHATML_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n'}}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>\\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] }}{% endfor %}"
    "{{'<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""Of the 34B checkpoints."""

MISTRAL_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' }}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<video>\\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] }}{% endfor %}"
    "{{' [/INST]' }}{% else %}{{ ' ' + message['content'][0]['text'] + '</s> ' }}{% endif %}{% endfor %}"
)
"""Of the 7B-32K checkpoint; there is nothing to add for an answer to come."""


def make_tokenizer(*, legacy: bool = False, has_chatml: bool = False) -> Any:
    """Return a LLaMA tokenizer; a ``legacy`` one puts a space in front of each stretch of text, not of the first."""
    from transformers import AddedToken, LlamaTokenizer

    vocabulary, merges = train_sentencepiece(["<unk>", "<s>", "</s>"])
    tokenizer = LlamaTokenizer(
        vocab=vocabulary, merges=merges, legacy=legacy, pad_token="<unk>", padding_side="left", add_bos_token=True
    )
    chatml = ["<|im_start|>", "<|im_end|>"] * has_chatml
    tokenizer.add_tokens(
        [AddedToken(token, special=True, normalized=False) for token in ("<video>", "<image>", *chatml)],
        special_tokens=True,
    )
    return tokenizer


def make_processor(*, legacy: bool = False, has_chatml: bool = False) -> Any:
    """Return a real LLaVA-NeXT-Video processor around a small tokenizer."""
    ensure_torchvision()
    from transformers import LlavaNextImageProcessor, LlavaNextVideoProcessor, LlavaNextVideoVideoProcessor

    size = {"size": {"shortest_edge": IMAGE_SIZE_PX}, "crop_size": {"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX}}
    pinpoints = [[IMAGE_SIZE_PX, 2 * IMAGE_SIZE_PX], [2 * IMAGE_SIZE_PX, IMAGE_SIZE_PX]]
    return LlavaNextVideoProcessor(
        video_processor=LlavaNextVideoVideoProcessor(**size),
        image_processor=LlavaNextImageProcessor(**size, image_grid_pinpoints=pinpoints),
        tokenizer=make_tokenizer(legacy=legacy, has_chatml=has_chatml),
        chat_template=CHATML_TEMPLATE if has_chatml else VICUNA_TEMPLATE,
        patch_size=PATCH_SIZE_PX,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random two-layer model that fits ``processor``."""
    from transformers import LlavaNextVideoConfig, LlavaNextVideoForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    config = LlavaNextVideoConfig(
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "image_size": IMAGE_SIZE_PX,
            "patch_size": PATCH_SIZE_PX,
            "projection_dim": 32,
        },
        text_config={
            "model_type": "llama",
            **small_text(processor),
            "num_key_value_heads": 2,
        },
        image_grid_pinpoints=processor.image_processor.image_grid_pinpoints,
        image_token_index=token_id("<image>"),
        video_token_index=token_id("<video>"),
    )
    return build(LlavaNextVideoForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0, legacy: bool = False, has_chatml: bool = False) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor(legacy=legacy, has_chatml=has_chatml)
    return write_folder(folder, make_model(processor, seed=seed), processor)
