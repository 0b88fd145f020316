"""Scales of the inputs of 8-bit layers, measured on clips and kept in a file beside the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.core.errors import ModelMismatch
from vidtune.core.quiet import TORCHAO, quiet_loggers

if TYPE_CHECKING:
    import torch

SCALES_FILE = "activation_scales.safetensors"

_LARGEST_INT8 = 127


@contextmanager
def measuring_inputs(model: Any) -> Iterator[dict[str, torch.Tensor]]:
    """Yield a dictionary that fills with the scale of the inputs of each 8-bit layer while ``model`` runs.

    A scale takes the largest input seen to 127. Its shape has one axis for each axis of the input, as torchao asks.
    """
    import torch

    scales: dict[str, torch.Tensor] = {}
    handles = []

    def listen(path: str) -> Any:
        def hook(module: Any, inputs: tuple[torch.Tensor, ...]) -> None:
            values = inputs[0].detach()
            scale = (values.abs().amax().float() / _LARGEST_INT8).clamp_min(1e-12).cpu()
            scale = scale.reshape((1,) * values.ndim)
            scales[path] = scale if path not in scales else torch.maximum(scale, scales[path])

        return hook

    try:
        for path, module in _int8_layers(model):
            handles.append(module.register_forward_pre_hook(listen(path)))
        yield scales
    finally:
        for handle in handles:
            handle.remove()


def save_scales(scales: dict[str, torch.Tensor], folder: Path) -> None:
    """Write measured scales beside the weights they belong to."""
    from safetensors.torch import save_file

    save_file(scales, folder / SCALES_FILE)


def use_saved_scales(model: Any, folder: Path) -> int:
    """Give the 8-bit layers of ``model`` the scales in ``folder``, and return how many got one: 0 without a file.

    Raises:
        ModelMismatch: If the file is of another model.
    """
    path = folder / SCALES_FILE
    if not path.is_file():
        return 0
    from safetensors.torch import load_file

    return use_scales(model, load_file(path))


def use_scales(model: Any, scales: dict[str, torch.Tensor]) -> int:
    """Give the 8-bit layers of ``model`` fixed scales for their inputs, and return how many got one.

    Raises:
        ModelMismatch: If ``scales`` names a layer that is not there.
    """
    with quiet_loggers(*TORCHAO):
        from torchao.quantization import PerTensor
    layers = dict(_int8_layers(model))
    unknown = sorted(scales.keys() - layers.keys())
    if unknown:
        raise ModelMismatch(
            f"{SCALES_FILE} has scales for {len(unknown)} layers that are not in 8 bit here ({unknown[0]}, …).",
            "The folder mixes two models: make the export again.",
        )
    for name, scale in scales.items():
        weight = layers[name].weight
        weight.act_quant_scale = scale.to(weight.device)
        weight.act_quant_kwargs = replace(weight.act_quant_kwargs, granularity=PerTensor())
    return len(scales)


def _int8_layers(model: Any) -> Iterator[tuple[str, Any]]:
    for path, module in model.named_modules():
        if getattr(getattr(module, "weight", None), "act_quant_kwargs", None) is not None:
            yield path, module
