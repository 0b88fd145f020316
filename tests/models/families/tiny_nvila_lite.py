"""A tiny NVILA-Lite, in the flat layout and in the layout of folders that the published checkpoint has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from tests.models.families.tiny_weights import build, small_text, write_folder
from tests.models.tiny import make_tokenizer

from vidtune.models import ensure_torchvision

IMAGE_SIZE_PX = 70
PATCH_SIZE_PX = 14
NUM_VISION_LAYERS = 3


def make_processor() -> Any:
    """Return our processor around a small tokenizer."""
    ensure_torchvision()
    from transformers import SiglipImageProcessor

    from vidtune.models.families.nvila_lite.processing import NvilaLiteProcessor

    size = {"height": IMAGE_SIZE_PX, "width": IMAGE_SIZE_PX}
    return NvilaLiteProcessor(SiglipImageProcessor(size=size), make_tokenizer(), patch_size=PATCH_SIZE_PX)


def make_model(processor: Any, *, seed: int = 0) -> Any:
    """Return a random model of two language and two vision layers that fits ``processor``."""
    from vidtune.models.families.nvila_lite.configuration import NvilaLiteConfig
    from vidtune.models.families.nvila_lite.modeling import NvilaLiteForConditionalGeneration

    token_id = processor.tokenizer.convert_tokens_to_ids
    config = NvilaLiteConfig(
        text_config={
            "model_type": "qwen2",
            **small_text(processor),
            "tie_word_embeddings": True,
            "eos_token_id": token_id("<|im_end|>"),
            "pad_token_id": token_id("<|endoftext|>"),
        },
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": NUM_VISION_LAYERS,
            "num_attention_heads": 2,
            "image_size": IMAGE_SIZE_PX,
            "patch_size": PATCH_SIZE_PX,
        },
        video_token_id=processor.video_token_id,
    )
    return build(NvilaLiteForConditionalGeneration, config, seed=seed)


def make_tiny_folder(folder: Path, *, seed: int = 0) -> Path:
    """Write a complete checkpoint folder and return it."""
    processor = make_processor()
    return write_folder(folder, make_model(processor, seed=seed), processor)


def make_published_folder(folder: Path, flat: Path) -> Path:
    """Write the model in ``flat`` as the published checkpoint is laid out, with the weights that nothing uses."""
    config = json.loads((flat / "config.json").read_text())
    tensors = load_file(flat / "model.safetensors")
    tensors = {key.replace("vision_tower.", "vision_tower.vision_model."): tensor for key, tensor in tensors.items()}
    tensors |= {
        key.replace("layers.1.", "layers.2."): tensor.clone() * 2
        for key, tensor in tensors.items()
        if key.startswith("vision_tower.vision_model.encoder.layers.1.")
    }
    for name in ("weight", "bias"):
        tensors[f"vision_tower.vision_model.post_layernorm.{name}"] = tensors[
            "vision_tower.vision_model." + _NORM + name
        ]
    parts = {
        "llm": config["text_config"] | {"architectures": ["Qwen2ForCausalLM"]},
        "vision_tower": config["vision_config"],
        "mm_projector": {"model_type": "v2l_projector", "mm_projector_type": "mlp_downsample_3x3_fix"},
    }
    for part, part_config in parts.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps(part_config))
        own = {
            key.removeprefix(f"{part}."): tensor.clone().contiguous()
            for key, tensor in tensors.items()
            if key.startswith(f"{part}.")
        }
        save_file(own, folder / part / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(
        json.dumps({"model_type": "llava_llama", "architectures": ["LlavaLlamaModel"], "mm_vision_select_layer": -2})
    )
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(flat / name, folder / "llm" / name)
    return folder


_NORM = "encoder.layers.1.layer_norm1."
