"""A tiny Gemma 3n: MobileNet-V5 of timm and a conformer in front of the nested language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models.families.tiny_tokenizers import train_sentencepiece
from tests.models.families.tiny_weights import build, write_folder

from vidtune.models import ensure_torchvision

IMAGE_SIZE_PX = 64
TOKENS_PER_FRAME = 16
"""The vision tower ends in a map of 4 x 4, whatever the size of the frame."""

AUDIO_TOKENS = 4
_NUM_SOFT_IDS = 8
"""Ids of the vision and of the audio vocabulary, each; the real ones have 128."""

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- if messages[0]['content'] is string -%}{%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}"
    "{%- else -%}{%- set first_user_prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}{%- endif -%}"
    "{%- set loop_messages = messages[1:] -%}"
    "{%- else -%}{%- set first_user_prefix = '' -%}{%- set loop_messages = messages -%}{%- endif -%}"
    "{%- for message in loop_messages -%}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{%- endif -%}"
    "{%- if message['role'] == 'assistant' -%}{%- set role = 'model' -%}"
    "{%- else -%}{%- set role = message['role'] -%}{%- endif -%}"
    "{{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else '') }}"
    "{%- if message['content'] is string -%}{{ message['content'] | trim }}"
    "{%- else -%}{%- for item in message['content'] -%}"
    "{%- if item['type'] == 'audio' -%}{{ '<audio_soft_token>' }}"
    "{%- elif item['type'] == 'image' -%}{{ '<image_soft_token>' }}"
    "{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '<end_of_turn>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}"
)


def make_tokenizer() -> Any:
    """Return a Gemma tokenizer whose vision and audio ids come after all text, as in the real one."""
    from transformers import GemmaTokenizer

    first = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"]
    vocabulary, merges = train_sentencepiece([*first, "<start_of_image>", "<start_of_audio>", "\n", "\n\n", "\n\n\n\n"])
    soft = []
    for kind in ("image", "audio"):
        soft += [f"<end_of_{kind}>", f"<{kind}_soft_token>"]
        soft += [f"<unused_{kind}_{index}>" for index in range(_NUM_SOFT_IDS - 2)]
    vocabulary |= {token: len(vocabulary) + index for index, token in enumerate(soft)}
    tokenizer = GemmaTokenizer(
        vocab=vocabulary,
        merges=merges,
        add_bos_token=True,
        extra_special_tokens={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "audio_token": "<audio_soft_token>",
            "boa_token": "<start_of_audio>",
            "eoa_token": "<end_of_audio>",
        },
    )
    tokenizer.add_tokens(["<start_of_turn>", "<end_of_turn>"], special_tokens=True)
    tokenizer.add_tokens(["\n", "\n\n", "\n\n\n\n"])
    return tokenizer


def make_processor() -> Any:
    """Return a real Gemma 3n processor around a small tokenizer."""
    ensure_torchvision()
    from transformers import Gemma3nAudioFeatureExtractor, Gemma3nProcessor, SiglipImageProcessor

    return Gemma3nProcessor(
        feature_extractor=Gemma3nAudioFeatureExtractor(feature_size=32),
        image_processor=SiglipImageProcessor(
            size={"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX}, do_normalize=False, resample=2
        ),
        tokenizer=make_tokenizer(),
        chat_template=CHAT_TEMPLATE,
        audio_seq_length=AUDIO_TOKENS,
        image_seq_length=TOKENS_PER_FRAME,
    )


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random model with every kind of layer of the real one: sliding, full, and sharing keys and values."""
    from transformers import Gemma3nConfig, Gemma3nForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    vision_offset, audio_offset = token_id("<end_of_image>"), token_id("<end_of_audio>")
    config = Gemma3nConfig(
        text_config={
            "vocab_size": len(processor.tokenizer),
            "vocab_size_per_layer_input": vision_offset,
            "hidden_size": 32,
            "hidden_size_per_layer_input": 8,
            "intermediate_size": 64,
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "num_kv_shared_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "sliding_window": 16,
            "altup_num_inputs": 2,
            "laurel_rank": 4,
            "activation_sparsity_pattern": [0.5, 0.0, 0.0, 0.0],
            "max_position_embeddings": 2048,
        },
        vision_config={
            "architecture": "mobilenetv5_300m_enc",
            "model_args": {"channel_multiplier": 0.03, "msfa_output_resolution": 4},
            "hidden_size": 2048,
            "vocab_size": _NUM_SOFT_IDS,
            "vocab_offset": vision_offset,
        },
        audio_config={
            "input_feat_size": 32,
            "hidden_size": 32,
            "conf_num_attention_heads": 2,
            "conf_num_hidden_layers": 1,
            "sscp_conv_channel_size": [8, 4],
            "vocab_size": _NUM_SOFT_IDS,
            "vocab_offset": audio_offset,
        },
        audio_soft_tokens_per_image=AUDIO_TOKENS,
        vision_soft_tokens_per_image=TOKENS_PER_FRAME,
        boi_token_id=token_id("<start_of_image>"),
        eoi_token_id=token_id("<end_of_image>"),
        image_token_id=token_id("<image_soft_token>"),
        boa_token_id=token_id("<start_of_audio>"),
        eoa_token_id=token_id("<end_of_audio>"),
        audio_token_id=token_id("<audio_soft_token>"),
    )
    return build(Gemma3nForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed), processor)
