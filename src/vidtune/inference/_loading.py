"""From whatever names a model to one that answers: a base, an adapter on its base, or the result of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from vidtune.adapters import (
    AdapterConfig,
    adapter_config_of,
    is_adapter_folder,
    load_adapter,
    merge_adapter,
    processor_settings_of,
)
from vidtune.adapters import base_of_adapter as base_of
from vidtune.adapters import quantization_config as quantization_of
from vidtune.core.errors import BadUsage, ModelUnavailable
from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.models import load_model

if TYPE_CHECKING:
    from vidtune.models import LoadedModel

Quantization = Literal["none", "nf4"]


def load_for_inference(
    source: str | Path,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    quantization: Quantization = "none",
    max_pixels: int | None = None,
) -> LoadedModel:
    """Load a model to ask it things.

    An adapter is loaded on the base it was trained on, quantized and shown clips as in its training. In float32 it is
    then merged into the base, which is faster; in coarser formats merging would round it away, so it stays beside the
    weights.

    Args:
        source: ``"nano"``, a hub id, a model folder, an adapter folder, or a run directory (its best checkpoint).
        device: As ``vidtune.models.load_model``.
        dtype: As ``vidtune.models.load_model``.
        quantization: ``"nf4"`` loads the base in 4 bits. Refused for an adapter, which brings its own.
        max_pixels: As ``vidtune.models.load_model``. None, for an adapter: what it was trained with.

    Raises:
        ModelUnavailable: If there is no such model, or the run has no finished checkpoint.
        ModelMismatch: If an adapter does not fit its base, or the family is unknown.
        BadUsage: If the device, dtype or quantization cannot be had, or an adapter was trained with other max_pixels.
    """
    resolved = resolve_source(source)
    folder = Path(resolved)
    if not is_adapter_folder(folder):
        base_config = AdapterConfig(kind="qlora") if quantization == "nf4" else None
        return _load_base(resolved, device, dtype, base_config, max_pixels)
    config = adapter_config_of(folder)
    if quantization != "none" and quantization_of(config) is None:
        raise BadUsage(
            f"{folder} was trained on a base that is not quantized, so quantization={quantization!r} would change "
            "what it was trained on.",
            "Leave quantization out.",
        )
    loaded = _load_base(base_of(folder), device, dtype, config, _max_pixels_of(folder, max_pixels))
    model = load_adapter(loaded.model, folder)
    if loaded.dtype == torch.float32 and quantization_of(config) is None:
        model = merge_adapter(model)
    return replace(loaded, model=model.eval(), source=str(folder.resolve()))


def resolve_source(source: str | Path) -> str | Path:
    """Return the folder that a run directory or a training checkpoint stands for; anything else as it is.

    Raises:
        ModelUnavailable: If it is a run directory in which nothing is finished.
    """
    folder = Path(source)
    if not folder.is_dir():
        return source
    run = RunDirectory(folder)
    if run.best.is_dir():
        return run.best
    if run.checkpoints.is_dir() or run.training_log.exists():
        raise ModelUnavailable(
            f"{folder} is a training run without a finished result: it has no {run.best.name}/ folder.",
            "Run the training again; it continues where it stopped.",
        )
    return folder


def fingerprint(source: str | Path) -> dict[str, str]:
    """Return hashes of the adapter that ``source`` stands for; empty for a model, whose identity is recorded anyway."""
    folder = Path(resolve_source(source))
    if not is_adapter_folder(folder):
        return {}
    return {path.name: sha256_file(path) for path in sorted(folder.glob("*.safetensors"))}


def _max_pixels_of(folder: Path, asked: int | None) -> int | None:
    """Return the cap on pixels that the adapter in ``folder`` was trained with; ``asked`` where it does not say.

    Raises:
        BadUsage: If another cap is asked for: the adapter would be shown what it never saw.
    """
    settings = processor_settings_of(folder)
    if settings is None or "max_pixels" not in settings:
        return asked
    trained: int | None = settings["max_pixels"]
    if asked is not None and asked != trained:
        raise BadUsage(
            f"{folder} was trained with max_pixels={'the own of its base' if trained is None else trained}, "
            f"and max_pixels={asked} is asked for.",
            "Leave max_pixels out: the value from training is used by itself.",
        )
    return trained


def _load_base(
    source: str | Path,
    device: str | torch.device,
    dtype: str | torch.dtype,
    config: AdapterConfig | None,
    max_pixels: int | None,
) -> LoadedModel:
    quantization_config: Any = quantization_of(config, device=str(device)) if config is not None else None
    return load_model(
        source, device=device, dtype=dtype, quantization_config=quantization_config, max_pixels=max_pixels
    )
