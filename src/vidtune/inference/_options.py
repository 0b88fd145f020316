"""How a model is loaded: what was asked for, what this machine has, and one line that says what came of it."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import torch

from vidtune.adapters import bare_model
from vidtune.adapters.quantizers import quantizers
from vidtune.core.errors import BadUsage, NotInstalled
from vidtune.inference._config import PINNED_SOURCE
from vidtune.models import choose_device

if TYPE_CHECKING:
    from vidtune.models import LoadedModel

_HALF = (torch.bfloat16, torch.float16)

_MAX_TOKENS_OF_PLAIN_ATTENTION = 512

_FLASH = ("flash", "flash_attention_2")

_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
"""Device maps that accelerate makes itself."""

_NEUTRAL = {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_length": 0, "min_new_tokens": 0, "num_beams": 1}
"""Settings by which ``generate`` writes other tokens than the likeliest, and their values that change nothing."""


def settings_of_checkpoint(model: Any) -> dict[str, Any]:
    """Return by what a checkpoint asks ``generate`` of transformers for other tokens than the likeliest."""
    settings = bare_model(model).generation_config
    found = {name: getattr(settings, name, None) for name in _NEUTRAL}
    return {name: value for name, value in found.items() if value not in (None, _NEUTRAL[name])}


def choose_attention(name: str, device: torch.device, dtype: torch.dtype) -> str:
    """Return what transformers calls the attention that ``name`` asks for.

    ``auto`` is flash attention where it is installed and can be used (CUDA, 16-bit numbers), else torch's own sdpa,
    which is as exact and needs nothing installed.

    Raises:
        BadUsage: If the name is unknown, or flash attention is asked for where it cannot compute.
        NotInstalled: If it is not installed.
    """
    if name in ("sdpa", "eager"):
        return name
    if name != "auto" and name not in _FLASH:
        raise BadUsage(f"attn_implementation {name!r} is unknown.", "Use auto, sdpa, flash or eager.")
    is_installed = importlib.util.find_spec("flash_attn") is not None
    can_compute = device.type == "cuda" and dtype in _HALF
    if name == "auto":
        return "flash_attention_2" if is_installed and can_compute else "sdpa"
    if not can_compute:
        raise BadUsage(
            f"flash attention was asked for on {device} in {_short(dtype)}; it computes on CUDA and in 16 bit.",
            "Use model.attn_implementation=auto, or another device and dtype.",
        )
    if not is_installed:
        raise NotInstalled(
            "flash attention was asked for and flash_attn is not installed.",
            "pip install flash-attn, or use model.attn_implementation=auto.",
        )
    return "flash_attention_2"


def attend_for_training(loaded: LoadedModel, name: str, longest_tokens: int) -> str:
    """Let the text of a model that is to be trained attend by plain products where that is faster, and say so.

    Only for ``name`` ``auto``, on a CPU, and up to 512 tokens. There the backward pass of torch's fused attention takes
    20 ms a layer where the products take 3 (8 sequences of 155 tokens, 4 heads), with the same values. For longer
    sequences the products need memory that grows with the square of the length. Answering has no backward pass and
    keeps the fused attention: reading prompts takes the same time either way, and a step of writing 12 % less.

    Args:
        loaded: The model, perhaps with its adapter; changed in place.
        name: What the recipe asks for.
        longest_tokens: Of all sequences that it will be trained on.

    Returns:
        A note for people; "" where nothing was changed.
    """
    model = bare_model(loaded.model)
    is_worth_it = name == "auto" and loaded.device.type == "cpu" and longest_tokens <= _MAX_TOKENS_OF_PLAIN_ATTENTION
    if not is_worth_it or "text_config" not in model.config.sub_configs:
        return ""
    model.set_attn_implementation({"text_config": "eager"})
    return f"text attends by plain products: at most {longest_tokens} tokens, on a CPU"


def check_device_map(device_map: str | dict[str, Any] | None, device: str | torch.device) -> None:
    """Refuse a device map that says something else than the device, or names one that is not here.

    Raises:
        BadUsage: If both are given, the map is unknown, or a part is to go where nothing is.
    """
    if device_map is not None and str(device) != "auto":
        raise BadUsage(
            f"device={str(device)!r} and device_map={device_map!r} both say where the model goes.", "Leave one out."
        )
    if isinstance(device_map, str) and device_map not in _MAPS:
        raise BadUsage(
            f"device_map {device_map!r} is unknown.",
            f"Use {', '.join(_MAPS)} or a place for each part of the model; one place for all of it is device.",
        )
    if isinstance(device_map, dict):
        for place in {str(value) for value in device_map.values()} - {"disk"}:
            choose_device(f"cuda:{place}" if place.isdecimal() else place)


def require_pinned(source: str) -> None:
    """Refuse to run the code of a checkpoint that could change under its name.

    Raises:
        BadUsage: If ``source`` is no hub id with a commit of 40 hexadecimal digits.
    """
    if PINNED_SOURCE.fullmatch(source) is None:
        raise BadUsage(
            f"remote_code was asked for with {source!r}: code is only run from a pinned commit, "
            "owner/name@<40 hexadecimal digits>; a branch, a tag or a folder can change.",
            "Read the code, then name its commit; or leave remote_code out.",
        )


def choose_quantization(name: str, device: str | torch.device) -> Any | None:
    """Return what transformers takes as ``quantization_config`` for a quantization by name; None for ``none``.

    Raises:
        BadUsage, NotInstalled: If the name is unknown, or it cannot be computed here.
    """
    if name == "none":
        return None
    if name not in quantizers.names():
        raise BadUsage(f"quantization {name!r} is unknown.", f"Use none, {', '.join(quantizers.names())}.")
    quantizer = quantizers.get(name)
    quantizer.check(str(device))
    return quantizer.config(str(device))


def describe_loading(loaded: LoadedModel) -> str:
    """Return one line on what was loaded, where, in which format, and why so where it was not asked for.

    Such as ``nano (<family>): cpu, float32, sdpa attention, not quantized; no CUDA or MPS device is here``.
    """
    config = loaded.model.config
    placed = getattr(loaded.model, "hf_device_map", None) or {}
    devices = sorted({str(device) for device in placed.values()}) or [str(loaded.device)]
    parts = [
        "+".join(devices),
        _short(loaded.dtype),
        f"{loaded.attn_implementation.removesuffix('_attention_2')} attention",
        _stored(getattr(config, "quantization_config", None)),
    ]
    if any("lora_" in name for name, _ in loaded.model.named_parameters()):
        parts.append("adapter beside the weights")
    why = _why(loaded.device)
    return f"{loaded.source} ({loaded.family.name}): {', '.join(parts)}{f'; {why}' if why else ''}"


def _stored(quantization: Any) -> str:
    if quantization is None:
        return "not quantized"
    values = quantization if isinstance(quantization, dict) else quantization.to_dict()
    if values.get("quant_method") == "torchao":
        kind = values.get("quant_type", {}).get("default", {})
        return f"torchao {kind.get('_type', 'quantized').removesuffix('Config')}"
    if values.get("load_in_4bit"):
        double = " with double quantization" if values.get("bnb_4bit_use_double_quant") else ""
        return f"{values.get('bnb_4bit_quant_type', '4 bit')}{double}"
    return "int8 (LLM.int8)" if values.get("load_in_8bit") else str(values.get("quant_method", "quantized"))


def _why(device: torch.device) -> str:
    if device.type == "cpu":
        has_other = torch.cuda.is_available() or torch.backends.mps.is_available()
        return "" if has_other else "no CUDA or MPS device is here"
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return ""


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
