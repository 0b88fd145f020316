"""Answers from a model: loading for use, batched generation, predictions over a data set."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidtune.inference._config import GenerationConfig, ModelConfig, PredictConfig
    from vidtune.inference._generate import generate
    from vidtune.inference._loading import load_for_inference, model_options
    from vidtune.inference._options import attend_for_training, describe_loading
    from vidtune.inference._predict import predict_dataset
    from vidtune.inference._request import Generation, Request
    from vidtune.inference._summary import PredictSummary
    from vidtune.inference._variants import Variant, list_variants, predict_variants
    from vidtune.inference.compat import get_video_inference, load_model

__all__ = [
    "Generation",
    "GenerationConfig",
    "ModelConfig",
    "PredictConfig",
    "PredictSummary",
    "Request",
    "Variant",
    "attend_for_training",
    "describe_loading",
    "generate",
    "get_video_inference",
    "list_variants",
    "load_for_inference",
    "load_model",
    "model_options",
    "predict_dataset",
    "predict_variants",
]

# Configs are read by commands that never load a model; torch is imported with the first part that needs it.
_MODULES = {
    "Generation": "_request",
    "GenerationConfig": "_config",
    "ModelConfig": "_config",
    "PredictConfig": "_config",
    "PredictSummary": "_summary",
    "Request": "_request",
    "Variant": "_variants",
    "attend_for_training": "_options",
    "describe_loading": "_options",
    "generate": "_generate",
    "get_video_inference": "compat",
    "list_variants": "_variants",
    "load_for_inference": "_loading",
    "load_model": "compat",
    "model_options": "_loading",
    "predict_dataset": "_predict",
    "predict_variants": "_variants",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
