"""``load_model``: one call from a name to a model that is ready to use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vidtune.core.errors import BadUsage
from vidtune.core.quiet import TORCHAO, quiet_loggers
from vidtune.models._discovery import find_family
from vidtune.models._identity import ModelIdentity, identify
from vidtune.models._source import find_checkpoint
from vidtune.models._torchvision import ensure_torchvision

if TYPE_CHECKING:
    from vidtune.models._family import Family

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_ATTENTIONS = ("sdpa", "eager", "flash_attention_2")


@dataclass(frozen=True)
class LoadedModel:
    """A model with all that belongs to it."""

    model: Any
    """The transformers model, in eval mode."""

    processor: Any
    family: Family
    source: str
    """``nano``, ``owner/name[@revision]``, or an absolute folder; loads the same again."""

    device: torch.device
    dtype: torch.dtype
    identity: ModelIdentity
    max_pixels: int | None = None
    """The cap on the pixels of one frame that it was loaded with; None: the checkpoint's own."""

    attn_implementation: str = "sdpa"
    """What computes attention: ``sdpa``, ``eager`` or ``flash_attention_2``."""


def load_model(
    source: str | Path,
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    quantization_config: Any | None = None,
    max_pixels: int | None = None,
    attn_implementation: str = "sdpa",
    device_map: str | Mapping[str, Any] | None = None,
    remote_code: bool = False,
) -> LoadedModel:
    """Load a model by name: find it, find its family, check every key.

    Args:
        source: ``"nano"`` (packaged), a model folder, or a hub id ``owner/name[@revision]``.
        device: ``"auto"`` is CUDA, then MPS, then CPU.
        dtype: ``"float32"``, ``"bfloat16"``, ``"float16"`` or ``"auto"``: bfloat16 on CUDA that has it, float16 on
            other CUDA, float32 elsewhere.
        quantization_config: Passed on to transformers; ``vidtune.adapters.quantization_config`` makes one.
        max_pixels: Cap on the pixels of one frame as the model sees it. Fewer pixels are fewer tokens: Qwen2-VL
            spends one token on 28 x 28 pixels of two frames. None keeps the checkpoint's own cap.
        attn_implementation: ``"sdpa"``, ``"eager"`` or ``"flash_attention_2"``.
        device_map: Where each part goes, as transformers takes it; None puts all of it on ``device``.
        remote_code: Let code of the checkpoint run. The caller makes sure that its revision is pinned.

    Raises:
        ModelUnavailable: If the model cannot be found or read.
        ModelMismatch: If it is of no known family, is an adapter, or its keys and shapes do not fit.
        BadUsage: If the device, dtype or attention is not there.

    Only safetensors are read, and no code that comes with a checkpoint is run unless it was asked for. The torch
    random state is left as it was.
    """
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    if attn_implementation not in _ATTENTIONS:
        raise BadUsage(f"attn_implementation {attn_implementation!r} is unknown.", f"Use {', '.join(_ATTENTIONS)}.")
    checkpoint = find_checkpoint(source)
    family = find_family(checkpoint.model_type, checkpoint.source)
    identity = identify(checkpoint.source, checkpoint.folder, checkpoint.config)
    ensure_torchvision()
    with quiet_loggers(*TORCHAO):  # transformers imports it with its first model, if it is installed
        model, processor = family.load(
            checkpoint.folder,
            device=chosen_device,
            dtype=chosen_dtype,
            quantization_config=quantization_config,
            max_pixels=max_pixels,
            attn_implementation=attn_implementation,
            device_map=device_map,
            remote_code=remote_code,
        )
    # Read by the adapters room, which knows no families, to record and check the base of an adapter.
    model.vidtune_base = identity.to_record()
    return LoadedModel(
        model,
        processor,
        family,
        checkpoint.source,
        chosen_device,
        chosen_dtype,
        identity,
        max_pixels=max_pixels,
        attn_implementation=attn_implementation,
    )


def choose_device(device: str | torch.device) -> torch.device:
    """Return the device to use; ``"auto"`` is the best that is there.

    Raises:
        BadUsage: If the device is unknown or not on this machine.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as exc:
        raise BadUsage(f"device {device!r} is unknown.", "Use auto, cpu, cuda, cuda:<n> or mps.") from exc
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (chosen.index or 0) >= count.get(chosen.type, 0):
        raise BadUsage(
            f"device {str(device)!r} is not here: this torch ({torch.__version__}) sees "
            f"{count['cuda']} CUDA and {count['mps']} MPS devices.",
            "Use device=auto or cpu, or install a torch built for your device.",
        )
    return chosen


def choose_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """Return the number format to use; ``"auto"`` is the one that suits ``device``.

    Raises:
        BadUsage: If the name is unknown, or the format has whole numbers only.
    """
    if isinstance(dtype, torch.dtype) and dtype.is_floating_point:
        return dtype
    if dtype == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if dtype not in _DTYPES:
        raise BadUsage(f"dtype {dtype!r} is unknown.", f"Use auto, {', '.join(_DTYPES)}.")
    return _DTYPES[dtype]
