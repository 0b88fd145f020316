"""The model inside PEFT's wrapper."""

from __future__ import annotations

from typing import Any


def bare_model(model: Any) -> Any:
    """Return the transformers model itself, without PEFT around it; its layers keep the adapter."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
