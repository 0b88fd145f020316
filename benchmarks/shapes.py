"""Models of a chosen size with random weights, for measuring time and memory alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from unittest import mock

import torch

from vidtune.inference import load_for_inference

TEXT_30M = {
    "hidden_size": 512,
    "intermediate_size": 1536,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
}
VISION_30M = {"embed_dim": 384, "depth": 6, "num_heads": 6, "hidden_size": 512}


VISION_LIKE_2B = {"embed_dim": 512, "depth": 7, "num_heads": 8, "hidden_size": 512}
"""With the language tower of TEXT_30M and 6,144 words, short clips divide the work of a step among vision tower (47 %),
language tower (44 %) and logits (9 %) as it does in Qwen2-VL-2B on clips of real size."""


def make_model_of_30m(
    folder: Path, vocabulary: int | None = None, *, vision: Mapping[str, int] = MappingProxyType(VISION_30M)
) -> Path:
    """Write a Qwen2-VL of about 30 million random parameters with nano's processor.

    Args:
        folder: Where.
        vocabulary: Words of the language tower; None: as many as nano knows, 2,048.
        vision: Sizes of the vision tower.
    """
    nano = load_for_inference("nano", device="cpu", dtype="float32")  # first: it makes transformers importable anywhere
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    config = Qwen2VLConfig.from_dict(nano.model.config.to_dict())
    if vocabulary is not None:
        config.text_config.vocab_size = vocabulary
    for name, value in TEXT_30M.items():
        setattr(config.text_config, name, value)
    config.text_config.rope_parameters = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [8, 12, 12]}
    config.text_config.layer_types = None
    config.text_config.layer_types = ["full_attention"] * TEXT_30M["num_hidden_layers"]
    for name, value in vision.items():
        setattr(config.vision_config, name, value)
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration(config)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.05)  # flatter logits would make ties of rounding errors
    model.save_pretrained(folder)
    nano.processor.save_pretrained(folder)
    return folder


def make_smolvlm(folder: Path, vocabulary: int) -> Path:
    """Write a SmolVLM of about 40 million random parameters: as in the one of 256M, most work is in the vision tower.

    A frame of 256 pixels has 256 patches and becomes 4 tokens (there: 512 pixels, 1,024 and 64).
    """
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.models.families import tiny_smolvlm
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    sizes = {"IMAGE_SIZE_PX": 256, "PATCH_SIZE_PX": 16, "SCALE_FACTOR": 8, "TOKENS_PER_FRAME": 4}
    with mock.patch.multiple(tiny_smolvlm, **sizes):
        processor = tiny_smolvlm.make_processor()
        config = tiny_smolvlm.make_model(processor).config.to_dict()
    config["vision_config"] |= {
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
    }
    config["text_config"] |= {**TEXT_30M, "vocab_size": vocabulary, "head_dim": 64}
    torch.manual_seed(0)
    model = SmolVLMForConditionalGeneration(SmolVLMConfig.from_dict(config))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
