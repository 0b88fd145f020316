"""Random weights that tell a wrong wiring from a right one, what small texts have in common, and folders of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def build(model_class: Any, config: Any, *, seed: int) -> Any:
    """Return a model with seeded random weights, in eval mode.

    The usual 0.02 gives nearly flat logits; larger weights make argmax and differences telling. Norms keep their
    values of one.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = model_class(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def small_text(processor: Any) -> dict[str, Any]:
    """Return settings of a language model of two small layers that fits the tokenizer of ``processor``."""
    return {
        "vocab_size": len(processor.tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 2048,
    }


def write_folder(folder: Path, model: Any, processor: Any) -> Path:
    """Write a complete checkpoint folder and return it."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
