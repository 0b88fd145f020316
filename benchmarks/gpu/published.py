"""The models of the benchmark: published shapes, random weights, and small stand-ins to try the code on a CPU.

Nothing is downloaded. Processors and token ids are those of the tests' small models; only a few hundred words of the
vocabulary are ever used, but the output layer has its full width.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

SIDE_PX = 384


@dataclass(frozen=True)
class Shape:
    """One model."""

    name: str
    tiny: str
    """The test module that builds its small stand-in."""

    model_class: str
    text: dict[str, Any]
    vision: dict[str, Any]
    top: dict[str, Any] = field(default_factory=dict)
    audio: dict[str, Any] = field(default_factory=dict)


SHAPES = (
    Shape(
        "Qwen2-VL-7B",
        "tests.models.tiny",
        "Qwen2VLForConditionalGeneration",
        text={
            "vocab_size": 152064,
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        },
        vision={"depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4, "hidden_size": 3584},
        top={"tie_word_embeddings": False},
    ),
    Shape(
        "Qwen2.5-VL-3B",
        "tests.models.families.tiny_qwen2_5_vl",
        "Qwen2_5_VLForConditionalGeneration",
        text={
            "vocab_size": 151936,
            "hidden_size": 2048,
            "intermediate_size": 11008,
            "num_hidden_layers": 36,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "max_position_embeddings": 32768,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
        },
        vision={
            "depth": 32,
            "hidden_size": 1280,
            "intermediate_size": 3420,
            "num_heads": 16,
            "out_hidden_size": 2048,
            "window_size": 112,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
        top={"tie_word_embeddings": True},
    ),
    Shape(
        "Gemma-3n-E2B",
        "tests.models.families.tiny_gemma3n",
        "Gemma3nForConditionalGeneration",
        text={
            "vocab_size": 262400,
            "vocab_size_per_layer_input": 262144,
            "hidden_size": 2048,
            "hidden_size_per_layer_input": 256,
            "intermediate_size": 8192,
            "num_hidden_layers": 30,
            "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 6,
            "num_kv_shared_layers": 10,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "head_dim": 256,
            "sliding_window": 512,
            "altup_num_inputs": 4,
            "laurel_rank": 64,
            "activation_sparsity_pattern": [0.95] * 10 + [0.0] * 20,
            "max_position_embeddings": 32768,
        },
        vision={"architecture": "mobilenetv5_300m_enc", "model_args": None, "hidden_size": 2048},
        top={"vision_soft_tokens_per_image": 256},
        audio={
            "hidden_size": 1536,
            "conf_num_attention_heads": 8,
            "conf_num_hidden_layers": 12,
            "sscp_conv_channel_size": [128, 32],
        },
    ),
    Shape(
        "VideoLLaMA3-2B",
        "tests.models.families.tiny_video_llama_3",
        "VideoLlama3ForConditionalGeneration",
        text={
            "vocab_size": 151936,
            "hidden_size": 1536,
            "intermediate_size": 8960,
            "num_hidden_layers": 28,
            "num_attention_heads": 12,
            "num_key_value_heads": 2,
            "max_position_embeddings": 32768,
        },
        vision={
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "patch_size": 14,
        },
        top={"tie_word_embeddings": True},
    ),
)


def write_model(shape: Shape, folder: Path, *, device: str, is_tiny: bool) -> Path:
    """Write a checkpoint folder with random weights: float32 and small, or bfloat16 in the published shape."""
    tiny = importlib.import_module(shape.tiny)
    tiny.make_tiny_folder(folder)
    if is_tiny:
        return folder
    import transformers

    settings = json.loads((folder / "config.json").read_text())
    for part, values in (("text_config", shape.text), ("vision_config", shape.vision), ("audio_config", shape.audio)):
        if values:
            settings[part].update(values)
    settings.update(shape.top)
    if "text_config" in settings and "layer_types" not in shape.text:
        settings["text_config"].pop("layer_types", None)
    model_class = getattr(transformers, shape.model_class)
    config = model_class.config_class.from_dict(settings)
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            model = model_class(config)
    finally:
        torch.set_default_dtype(before)
    model.save_pretrained(folder)
    del model
    _show_large(shape, folder)
    return folder


def _show_large(shape: Shape, folder: Path) -> None:
    """Let the processor keep frames of ``SIDE_PX``, where it has a size of its own."""
    if shape.name != "Gemma-3n-E2B":
        return  # load_model is told max_pixels
    path = folder / "processor_config.json"
    settings = json.loads(path.read_text())
    settings["image_seq_length"] = shape.top["vision_soft_tokens_per_image"]
    settings["image_processor"]["size"] = {"height": 768, "width": 768}
    path.write_text(json.dumps(settings))
