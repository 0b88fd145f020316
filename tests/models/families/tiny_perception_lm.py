"""A tiny PerceptionLM: a Perception Encoder of timm in front of a Llama 3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.families.tiny_tokenizers import LLAMA3_SPLIT, train_byte_level
from tests.models.families.tiny_weights import build, small_text, write_folder

from vidtune.models import ensure_torchvision

IMAGE_SIZE_PX = 56
PATCH_SIZE_PX = 14
POOLING_RATIO = 2
TOKENS_PER_FRAME = (IMAGE_SIZE_PX // PATCH_SIZE_PX // POOLING_RATIO) ** 2

CHAT_TEMPLATE = (
    "{{- bos_token }}{%- if messages[0]['role'] == 'system' -%}"
    "    {%- set system_message = messages[0]['content']|trim %}\n    {%- set messages = messages[1:] %}\n"
    "{%- else %}    {%- set system_message = 'You are a helpful language and vision assistant.' %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}{{- system_message }}{{- '<|eot_id|>' }}"
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{%- for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<|image|>' }}{%- endfor %}"
    "{%- for content in message['content'] | selectattr('type', 'equalto', 'video') %}{{ '<|video|>' }}{%- endfor %}"
    "{%- for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{- content['text'] | trim }}{%- endfor %}"
    "{{'<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)


def make_processor() -> Any:
    """Return a real PerceptionLM processor around a small tokenizer."""
    ensure_torchvision()
    from transformers import PerceptionLMImageProcessor, PerceptionLMProcessor, PerceptionLMVideoProcessor

    named = {"image_token": "<|image|>", "video_token": "<|video|>"}
    tokenizer = train_byte_level(
        [
            "<|begin_of_text|>",
            "<|end_of_text|>",
            *named.values(),
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
            "<|pad|>",
        ],
        split=LLAMA3_SPLIT,
        named_tokens=named,
        adds_bos=True,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|pad|>",
    )
    return PerceptionLMProcessor(
        video_processor=PerceptionLMVideoProcessor(size={"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX}),
        image_processor=PerceptionLMImageProcessor(tile_size=IMAGE_SIZE_PX, max_num_tiles=1),
        tokenizer=tokenizer,
        patch_size=PATCH_SIZE_PX,
        pooling_ratio=POOLING_RATIO,
        chat_template=CHAT_TEMPLATE,
    )


def make_model(processor: Any, *, seed: int = 0, is_gigantic: bool = False) -> Any:
    """Return a random two-layer model that fits ``processor``; a ``gigantic`` tower has no class token."""
    from transformers import PerceptionLMConfig, PerceptionLMForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    grid = IMAGE_SIZE_PX // PATCH_SIZE_PX
    config = PerceptionLMConfig(
        vision_config={
            "model_type": "timm_wrapper",
            "architecture": f"vit_pe_core_{'gigantic_patch14_448' if is_gigantic else 'large_patch14_336'}",
            "do_pooling": True,
            "num_classes": 0,
            "model_args": {
                "embed_dim": 32,
                "depth": 2,
                "num_heads": 2,
                "img_size": [IMAGE_SIZE_PX, IMAGE_SIZE_PX],
                "global_pool": "",
                "use_post_transformer_norm": False,
                "init_values": 0.1,
                "ref_feat_shape": [grid, grid],
            },
        },
        text_config={
            "model_type": "llama",
            **small_text(processor),
            "bos_token_id": token_id("<|begin_of_text|>"),
            "eos_token_id": [token_id("<|end_of_text|>"), token_id("<|eot_id|>")],
            "pad_token_id": token_id("<|pad|>"),
        },
        vision_use_cls_token=not is_gigantic,
        projector_pooling_ratio=POOLING_RATIO,
        image_token_id=token_id("<|image|>"),
        video_token_id=token_id("<|video|>"),
        tie_word_embeddings=True,
    )
    return build(PerceptionLMForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0, is_gigantic: bool = False) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed, is_gigantic=is_gigantic), processor)
