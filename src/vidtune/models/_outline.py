"""What is known of a model before its weights are read: its family, and its layers without numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vidtune.models._discovery import find_family
from vidtune.models._family import Family
from vidtune.models._native import NativeFamily
from vidtune.models._source import cached_config, find_checkpoint, is_hub_id
from vidtune.models._torchvision import ensure_torchvision
from vidtune.models._weights import readable


@dataclass(frozen=True)
class ModelOutline:
    """A model without weights."""

    family: Family
    model: Any | None
    """Its modules on the meta device: names and shapes only. None where the family builds its model in a way of its
    own, or where only its config.json is here."""


def outline_model(source: str | Path) -> ModelOutline | None:
    """Return the outline of a model; nothing is fetched, and no weight file is opened.

    Args:
        source: As ``load_model`` takes it.

    Returns:
        None for a hub id that is not in the local cache: nothing is known of it yet.

    Raises:
        ModelUnavailable: If it names nothing that can be loaded.
        ModelMismatch: If it is of no known family, or an adapter.
    """
    family = family_of(source)
    if family is None or is_hub_id(str(source)):
        return None if family is None else ModelOutline(family, None)
    checkpoint = find_checkpoint(source)
    if not isinstance(family, NativeFamily) or type(family).load_weights is not NativeFamily.load_weights:
        return ModelOutline(family, None)
    ensure_torchvision()
    import transformers

    model_class = getattr(transformers, family.model_class)
    with readable(checkpoint.folder), torch.device("meta"):
        return ModelOutline(family, model_class(model_class.config_class.from_pretrained(checkpoint.folder)))


def family_of(source: str | Path) -> Family | None:
    """Return the family of a model by its config.json alone; None for a hub id that is not in the local cache.

    Raises:
        ModelUnavailable: If ``source`` names nothing that can be loaded.
        ModelMismatch: If it is of no known family, or an adapter.
    """
    name = str(source)
    config = cached_config(name)
    if config is not None:
        return find_family(str(config.get("model_type", "")), name)
    if is_hub_id(name):
        return None
    checkpoint = find_checkpoint(source)
    return find_family(checkpoint.model_type, checkpoint.source)
