"""What an adapter adds to each weight, and what a weight is under whatever quantization it is stored in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidtune.adapters._bare import bare_model
from vidtune.adapters._stages import plain_path

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TunedWeight:
    """One weight of a model with an adapter beside it."""

    path: str
    """The module, named as in the plain model."""

    base: torch.Tensor
    tuned: torch.Tensor


def tuned_weights(model: Any) -> Iterator[TunedWeight]:
    """Yield every weight that the adapter on ``model`` changes, one after the other; nothing for a plain model.

    Weights are float32 and on the CPU.
    """
    for path, module in bare_model(model).named_modules():
        if hasattr(module, "lora_temporal_gate"):
            continue  # what it adds differs from token to token: there is no one weight
        if hasattr(module, "get_delta_weight") and not getattr(module, "merged", False):
            base = plain_weight(module.get_base_layer())
            if base is None:
                continue
            delta = sum(module.get_delta_weight(name).detach().float().cpu() for name in module.active_adapters)
            yield TunedWeight(plain_path(path), base, _with_own_lengths(module, base + delta))
        elif hasattr(module, "original_module") and hasattr(module, "modules_to_save"):
            active = module.modules_to_save[module.active_adapters[0]]
            originals = dict(module.original_module.named_modules())
            for name, part in active.named_modules():
                base, tuned = plain_weight(originals[name]), plain_weight(part)
                if base is not None and tuned is not None:
                    yield TunedWeight(f"{plain_path(path)}.{name}".rstrip("."), base, tuned)


def _with_own_lengths(module: Any, weight: torch.Tensor) -> torch.Tensor:
    """Return a weight whose rows have the lengths that DoRA learned, where it is used."""
    for name in module.active_adapters:
        if getattr(module, "use_dora", {}).get(name):
            length = module.lora_magnitude_vector[name].weight.detach().float().cpu()
            weight = weight * (length / weight.norm(dim=1))[:, None]
    return weight


def plain_weight(module: Any) -> torch.Tensor | None:
    """Return the weight of a layer in float32 on the CPU, unpacked if it is quantized; None if it has none."""
    import torch

    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor):
        return None
    with torch.no_grad():
        plain: torch.Tensor = _unpacked(weight).detach().float().cpu()
    return plain


def _unpacked(weight: Any) -> Any:
    state = getattr(weight, "quant_state", None)
    if state is not None:
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(weight.data, state)
    scales = getattr(weight, "SCB", None)
    if scales is not None:  # bitsandbytes' 8 bit: rows of integers, the largest of each row stands for 127
        return weight.data.float() * scales[:, None].float() / 127
    return weight.dequantize() if hasattr(weight, "qdata") else weight  # qdata: what torchao calls its integers
