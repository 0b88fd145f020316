"""Open what a name stands for as a pipeline: as vidtune does, or as somebody would who has only transformers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vidtune.adapters import base_of_adapter, is_adapter_folder, load_plain_adapter, quiet_libraries, use_saved_scales
from vidtune.core.errors import ModelUnavailable
from vidtune.inference._loading import load_for_inference, resolve_source
from vidtune.inference.exports._pipeline import Ours, Pipeline, Plain
from vidtune.models import choose_device, choose_dtype, ensure_torchvision, find_checkpoint, find_family

if TYPE_CHECKING:
    from vidtune.models import Checkpoint


def open_ours(
    source: str | Path, *, device: str = "auto", dtype: str = "auto", quantization: str = "none", name: str = ""
) -> Ours:
    """Load ``source`` as ``predict`` does, with an adapter left beside its weights."""
    loaded = load_for_inference(source, device=device, dtype=dtype, quantization=quantization, merge=False)
    return Ours(loaded, name or str(source))


def open_plain(source: str | Path, *, device: str = "auto", dtype: str = "auto", name: str = "") -> Plain:
    """Load ``source`` with transformers' Auto classes and, for an adapter, with PEFT: nothing of vidtune computes.

    Args:
        source: A model folder, an adapter folder, a run, a hub id or ``nano``.
        device: As ``load_model``.
        dtype: As ``load_model``; ``"stored"`` keeps the number format of the files.
        name: How the certificate calls it.

    Raises:
        ModelUnavailable: If transformers has no class for it, or cannot read it.
        ModelMismatch: If vidtune knows no family of its kind.
    """
    checkpoint = find_checkpoint_of(source)
    adapter = _adapter_of(source)
    family = find_family(checkpoint.model_type, checkpoint.source)
    chosen_device = choose_device(device)
    chosen_dtype: Any = "auto" if dtype == "stored" else choose_dtype(dtype, chosen_device)
    model, processor = _load(checkpoint, chosen_device, chosen_dtype)
    if adapter is not None:
        model = load_plain_adapter(model, adapter)
    return Plain(model.eval(), processor, family, name or f"{source} in plain transformers")


def open_candidate(source: str | Path, *, device: str, dtype: str, name: str) -> Pipeline:
    """Load an export as its users will, and call it ``name``.

    With transformers alone where it has a class for it, and with the scales of a static quantization if they are
    there; with vidtune for families that only vidtune has.
    """
    if not _classes_for(find_checkpoint_of(source)):
        return open_ours(source, device=device, dtype=dtype, name=f"{name} in vidtune, which alone opens this family")
    plain = open_plain(source, device=device, dtype=dtype, name=f"{name} in plain transformers")
    folder = Path(resolve_source(source))
    if use_saved_scales(plain.model, folder):
        return replace(plain, name=f"{name} in transformers with its activation scales")
    return plain


def find_checkpoint_of(source: str | Path) -> Checkpoint:
    """Return the model folder that ``source`` stands for: its base's, for an adapter."""
    adapter = _adapter_of(source)
    return find_checkpoint(base_of_adapter(adapter) if adapter is not None else resolve_source(source))


def _adapter_of(source: str | Path) -> Path | None:
    """Return the folder of an adapter that needs a base; None for whole models, also those of full fine-tuning."""
    folder = Path(resolve_source(source))
    return folder if is_adapter_folder(folder) and not (folder / "config.json").is_file() else None


def _classes_for(checkpoint: Checkpoint) -> list[Any]:
    """Return the classes of transformers that config.json names."""
    ensure_torchvision()
    import transformers

    names = checkpoint.config.get("architectures") or []
    return [getattr(transformers, name) for name in names if hasattr(transformers, name)]


def _load(checkpoint: Checkpoint, device: torch.device, dtype: Any) -> tuple[Any, Any]:
    import transformers

    arguments: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    is_quantized = "quantization_config" in checkpoint.config
    if device.type != "cpu" or is_quantized:
        arguments["device_map"] = {"": device}
    known = _classes_for(checkpoint)
    if not known:
        raise ModelUnavailable(
            f"transformers has no class for {checkpoint.source}, a {checkpoint.model_type!r} model.",
            "Only vidtune opens this family; compare through vidtune (--through vidtune).",
        )
    try:
        with quiet_libraries():
            processor = transformers.AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                checkpoint.folder, local_files_only=True, trust_remote_code=False
            )
            model = known[0].from_pretrained(checkpoint.folder, dtype=dtype, **arguments)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as exc:
        raise ModelUnavailable(
            f"plain transformers cannot open {checkpoint.source}: {type(exc).__name__}: "
            f"{' '.join(str(exc).split())[:300]}.",
            "Compare through vidtune (--through vidtune), or make the export again.",
        ) from exc
    return model, processor
