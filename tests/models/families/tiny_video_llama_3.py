"""A tiny VideoLLaMA 3, in transformers' layout and in its authors'."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from tests.models.families.tiny_weights import build, small_text, write_folder
from tests.models.tiny import make_tokenizer

from vidtune.models import ensure_torchvision

MIN_TOKENS = 4
MAX_TOKENS = 128

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'video' %}<|video_pad|>\n"
    "{% elif content['type'] == 'image' %}<|image_pad|>\n"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_processor() -> Any:
    """Return a real VideoLLaMA 3 processor around the small tokenizer."""
    ensure_torchvision()
    from transformers import VideoLlama3ImageProcessor, VideoLlama3Processor, VideoLlama3VideoProcessor

    return VideoLlama3Processor(
        image_processor=VideoLlama3ImageProcessor(
            size={"shortest_edge": MIN_TOKENS * 14**2, "longest_edge": MAX_TOKENS * 14**2}, merge_size=1
        ),
        tokenizer=make_tokenizer(),
        video_processor=VideoLlama3VideoProcessor(
            size={"shortest_edge": MIN_TOKENS * 28**2, "longest_edge": MAX_TOKENS * 28**2}
        ),
        chat_template=CHAT_TEMPLATE,
    )


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random two-layer model that fits ``processor``."""
    from transformers import VideoLlama3Config, VideoLlama3ForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    config = VideoLlama3Config(
        text_config={
            "model_type": "qwen2",
            **small_text(processor),
            "bos_token_id": None,
            "eos_token_id": token_id("<|im_end|>"),
            "pad_token_id": token_id("<|endoftext|>"),
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "patch_size": 14,
        },
        image_token_id=token_id("<|image_pad|>"),
        video_token_id=token_id("<|video_pad|>"),
        tie_word_embeddings=False,
    )
    return build(VideoLlama3ForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed), processor)


def make_original_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write the same model as its authors would have: their config, their names of weights, their settings."""
    make_tiny_folder(folder, seed=seed)
    config = json.loads((folder / "config.json").read_text())
    text, vision = config["text_config"], config["vision_config"]
    for name in ("model_type", "dtype", "layer_types", "rope_parameters"):
        text.pop(name, None)
    theirs = {
        **text,
        "architectures": ["Videollama3Qwen2ForCausalLM"],
        "auto_map": {"AutoModelForCausalLM": "modeling_videollama3.Videollama3Qwen2ForCausalLM"},
        "model_type": "videollama3_qwen2",
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "vision_encoder": None,
        "vision_encoder_config": {**vision, "model_type": "videollama3_vision_encoder"},
        "mm_projector_type": "mlp2x_gelu",
        "use_token_compression": True,
        "image_token_index": 5,
    }
    (folder / "config.json").write_text(json.dumps(theirs))
    settings = {
        "image_processor_type": "Videollama3ImageProcessor",
        "min_tokens": MIN_TOKENS,
        "max_tokens": MAX_TOKENS,
        "patch_size": 14,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    for name in ("processor_config.json", "chat_template.jinja"):
        (folder / name).unlink()
    tensors = {original_name(name): tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def original_name(name: str) -> str:
    """Return what the authors call a weight."""
    for ours, theirs in (
        ("model.vision_model.", "model.vision_encoder."),
        ("model.projector.", "model.mm_projector."),
        ("model.language_model.", "model."),
    ):
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name
