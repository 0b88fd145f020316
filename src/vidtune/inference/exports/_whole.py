"""A model as it is before it is exported, whole and in float32; and how it is written for transformers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vidtune.adapters import (
    adapter_config_of,
    base_of_adapter,
    is_adapter_folder,
    load_adapter,
    merge_adapter,
    processor_settings_of,
    quiet_libraries,
)
from vidtune.adapters import quantization_config as quantization_of
from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import BadUsage
from vidtune.inference._loading import load_for_inference, resolve_source
from vidtune.models import load_model

if TYPE_CHECKING:
    from vidtune.models import LoadedModel


def load_tuned(source: str | Path, *, device: str) -> LoadedModel:
    """Return what ``source`` stands for in float32; an adapter stays beside its base, which is not quantized."""
    folder = Path(resolve_source(source))
    if not is_adapter_folder(folder):
        return load_for_inference(source, device=device, dtype="float32")
    settings = processor_settings_of(folder) or {}
    base = load_model(base_of_adapter(folder), device=device, dtype="float32", max_pixels=settings.get("max_pixels"))
    return replace(base, model=load_adapter(base.model, folder), source=str(folder.resolve()))


def load_whole(source: str | Path, *, device: str) -> LoadedModel:
    """Return what ``source`` stands for in float32, an adapter worked into its base.

    Raises:
        BadUsage: If its weights are stored in fewer bits: what was rounded away is not there any more.
    """
    loaded = load_tuned(source, device=device)
    if getattr(loaded.model.config, "quantization_config", None) is not None:
        raise BadUsage(
            f"the weights of {source} are stored in fewer bits already, and are not rounded again.",
            "Give the model that it was made from.",
        )
    if not is_adapter_folder(Path(resolve_source(source))):
        return loaded
    return replace(loaded, model=merge_adapter(loaded.model))


def note_on_base(source: str | Path) -> list[str]:
    """Say so when an adapter was trained on a quantized base: it is exported, and compared, on the base in full."""
    folder = Path(resolve_source(source))
    if is_adapter_folder(folder) and quantization_of(adapter_config_of(folder)) is not None:
        return ["the adapter was trained on a quantized base; it is merged into, and compared on, the base in full"]
    return []


def write_plain(loaded: LoadedModel, folder: Path, *, dtype: str | None = None) -> None:
    """Write model and processor as transformers reads them; prompts of a batch will be padded on the left.

    Args:
        loaded: The model; its weights are changed to ``dtype``.
        folder: Where to.
        dtype: Number format; None keeps the one they have.
    """
    model: Any = loaded.model
    if dtype is not None:
        model = model.to(getattr(torch, dtype))
    with quiet_libraries():
        model.save_pretrained(folder)
        loaded.processor.save_pretrained(folder)
    # Set on the tokenizer alone, transformers would not save it.
    settings = folder / "tokenizer_config.json"
    write_json(settings, {**read_json(settings), "padding_side": "left"})
