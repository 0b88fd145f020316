"""Answers from a model: loading for use, batched generation, predictions over a data set."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidtune.inference._cache import shares_beginnings
    from vidtune.inference._condition import Condition, probe_conditions
    from vidtune.inference._config import GenerationConfig, ModelConfig, PredictConfig
    from vidtune.inference._generate import generate
    from vidtune.inference._last_layer import LastLayer
    from vidtune.inference._loading import load_for_inference, model_options
    from vidtune.inference._memory import is_out_of_memory
    from vidtune.inference._options import attend_for_training, describe_loading
    from vidtune.inference._predict import predict_dataset
    from vidtune.inference._request import Generation, Request
    from vidtune.inference._showing import takes_asides
    from vidtune.inference._summary import PredictSummary
    from vidtune.inference._under_conditions import ConditionRun, ProbedRun, predict_conditions
    from vidtune.inference._variants import Variant, list_variants, predict_variants
    from vidtune.inference.compat import get_video_inference, load_model

__all__ = [
    "Condition",
    "ConditionRun",
    "Generation",
    "GenerationConfig",
    "LastLayer",
    "ModelConfig",
    "PredictConfig",
    "PredictSummary",
    "ProbedRun",
    "Request",
    "Variant",
    "attend_for_training",
    "describe_loading",
    "generate",
    "get_video_inference",
    "is_out_of_memory",
    "list_variants",
    "load_for_inference",
    "load_model",
    "model_options",
    "predict_conditions",
    "predict_dataset",
    "predict_variants",
    "probe_conditions",
    "shares_beginnings",
    "takes_asides",
]

# Configs are read by commands that never load a model; torch is imported with the first part that needs it.
_MODULES = {
    "Condition": "_condition",
    "ConditionRun": "_under_conditions",
    "Generation": "_request",
    "GenerationConfig": "_config",
    "LastLayer": "_last_layer",
    "ModelConfig": "_config",
    "PredictConfig": "_config",
    "PredictSummary": "_summary",
    "ProbedRun": "_under_conditions",
    "Request": "_request",
    "Variant": "_variants",
    "attend_for_training": "_options",
    "describe_loading": "_options",
    "generate": "_generate",
    "get_video_inference": "compat",
    "is_out_of_memory": "_memory",
    "list_variants": "_variants",
    "load_for_inference": "_loading",
    "load_model": "compat",
    "model_options": "_loading",
    "predict_conditions": "_under_conditions",
    "predict_dataset": "_predict",
    "probe_conditions": "_condition",
    "predict_variants": "_variants",
    "shares_beginnings": "_cache",
    "takes_asides": "_showing",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
