"""From whatever names a model to one that answers: a base, an adapter on its base, or the result of a run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vidtune.adapters import (
    adapter_config_of,
    is_adapter_folder,
    load_adapter,
    merge_adapter,
    processor_settings_of,
    use_saved_scales,
)
from vidtune.adapters import base_of_adapter as base_of
from vidtune.adapters import quantization_config as quantization_of
from vidtune.core.errors import BadUsage, ModelUnavailable
from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.inference._options import check_device_map, choose_attention, choose_quantization, require_pinned
from vidtune.models import choose_device, choose_dtype, load_model

if TYPE_CHECKING:
    from vidtune.inference._config import ModelConfig
    from vidtune.models import LoadedModel


def load_configured(config: ModelConfig, *, quantization: str = "none") -> LoadedModel:
    """Load the model of a recipe; see ``load_for_inference``."""
    return load_for_inference(
        config.source,
        device=config.device,
        dtype=config.dtype,
        quantization=quantization,
        max_pixels=config.max_pixels,
        attn_implementation=config.attn_implementation,
        device_map=config.device_map,
        remote_code=config.remote_code,
    )


def load_for_inference(
    source: str | Path,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    quantization: str = "none",
    max_pixels: int | None = None,
    attn_implementation: str = "auto",
    device_map: str | dict[str, Any] | None = None,
    remote_code: bool = False,
    merge: bool = True,
) -> LoadedModel:
    """Load a model to ask it things.

    An adapter is loaded on the base it was trained on, quantized and shown clips as in its training. In float32 it is
    then merged into the base, which is faster; in coarser formats merging would round it away, so it stays beside the
    weights.

    Args:
        source: ``"nano"``, a hub id, a model folder, an adapter folder, or a run directory (its best checkpoint).
        device: As ``vidtune.models.load_model``.
        dtype: As ``vidtune.models.load_model``.
        quantization: Name of a quantizer, such as ``"nf4"``, or ``"none"``. Refused for an adapter, which brings its
            own.
        max_pixels: As ``vidtune.models.load_model``. None, for an adapter: what it was trained with.
        attn_implementation: ``"auto"``, ``"sdpa"``, ``"flash"`` or ``"eager"``.
        device_map: Spread the model over several devices, as accelerate does. None: all of it on ``device``.
        remote_code: Run the code of the checkpoint; ``source`` must be ``owner/name@<40 hexadecimal digits>``.
        merge: False leaves an adapter beside the weights in float32 too.

    Raises:
        ModelUnavailable: If there is no such model, or the run has no finished checkpoint.
        ModelMismatch: If an adapter does not fit its base, or the family is unknown.
        BadUsage: If the device, dtype or quantization cannot be had, or an adapter was trained with other max_pixels.
    """
    if remote_code:
        require_pinned(str(source))
    options = choose_options(device, dtype, attn_implementation, device_map, remote_code=remote_code)
    resolved = resolve_source(source)
    folder = Path(resolved)
    if not is_adapter_folder(folder):
        small = choose_quantization(quantization, device)
        loaded = load_model(resolved, quantization_config=small, max_pixels=max_pixels, **options)
        use_saved_scales(loaded.model, folder)
        return loaded
    config = adapter_config_of(folder)
    if quantization != "none" and quantization_of(config) is None:
        raise BadUsage(
            f"{folder} was trained on a base that is not quantized, so quantization={quantization!r} would change "
            "what it was trained on.",
            "Leave quantization out.",
        )
    loaded = load_model(
        base_of(folder),
        quantization_config=quantization_of(config, device=str(device)),
        max_pixels=_max_pixels_of(folder, max_pixels),
        **options,
    )
    model = load_adapter(loaded.model, folder)
    if merge and loaded.dtype == torch.float32 and quantization_of(config) is None:
        # It only saves time. Kinds that are no change of weights refuse, before they change anything.
        with suppress(BadUsage):
            model = merge_adapter(model)
    return replace(loaded, model=model.eval(), source=str(folder.resolve()))


def model_options(config: ModelConfig) -> dict[str, Any]:
    """Return the arguments of ``load_model`` for a recipe's model, with ``auto`` resolved; see ``choose_options``."""
    if config.remote_code:
        require_pinned(config.source)
    options = choose_options(
        config.device, config.dtype, config.attn_implementation, config.device_map, remote_code=config.remote_code
    )
    return {"max_pixels": config.max_pixels, **options}


def choose_options(
    device: str | torch.device,
    dtype: str | torch.dtype,
    attn_implementation: str,
    device_map: str | dict[str, Any] | None,
    *,
    remote_code: bool = False,
) -> dict[str, Any]:
    """Return the arguments of ``load_model`` that say where and how a model computes, with ``auto`` resolved.

    Raises:
        BadUsage, NotInstalled: If what is asked for is not here.
    """
    check_device_map(device_map, device)
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    return {
        "device": chosen_device,
        "dtype": chosen_dtype,
        "attn_implementation": choose_attention(attn_implementation, chosen_device, chosen_dtype),
        "device_map": device_map,
        "remote_code": remote_code,
    }


def resolve_source(source: str | Path) -> str | Path:
    """Return the folder that a run directory or a training checkpoint stands for; anything else as it is.

    Raises:
        ModelUnavailable: If it is a run directory in which nothing is finished, or one of predictions.
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
    if run.predictions.exists() and not (folder / "config.json").exists() and not is_adapter_folder(folder):
        raise ModelUnavailable(
            f"{folder} is a run of predictions and holds no model.",
            f"Give the model that answered: model.source in {run.recipe}.",
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
