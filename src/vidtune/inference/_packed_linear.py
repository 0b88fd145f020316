"""Linear layers of a CPU model, with their weights laid out once in the order in which a matrix product reads them.

Writing one token in 16 rows multiplies 16 rows by every weight there is. torch 2.13 gives that product the weights as
they lie, and MKL (float32) or oneDNN (bfloat16) order them anew in every call. oneDNN can be given them in order:
products of 16 rows then take about two thirds of the time in float32 and less than half in bfloat16, those of whole
prompts and clips nine tenths. Rounding aside, values are the same. ``docs/benchmarks.md`` has the figures.

The ordered copy takes as much memory as the weights, and making it as long as a few steps. So it lives only as long as
the work it is made for, and is not made where memory is short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

_WORTH_IT = 8
"""Requests from which on a copy is made: for fewer it takes longer than it saves."""

_MEMORY_SHARE = 0.25
"""Of the memory that is free, what a copy may take at most."""

_NUM_ROWS = 16
"""For which weights are ordered. Products of fewer and of more rows are right too, and hardly slower."""

_SMALLEST = 32 * 1024
"""Weights of a layer from which on a call of oneDNN, which takes 10 microseconds before it begins, is worth it."""


class Packing:
    """The ordered copy of a model's weights, made once there is enough to do and dropped when memory ends.

    Args:
        model: In use by the caller alone; its weights must not change until ``drop``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._copy = ExitStack()
        self._may_begin = True

    def begin(self, num_requests: int) -> None:
        """Make the copy, if it is not there and so many requests are worth it.

        Raises:
            RuntimeError: If memory ends meanwhile; the model is as before.
        """
        if self._may_begin and num_requests >= _WORTH_IT:
            self._may_begin = False
            self._copy.enter_context(packed_linears(self._model))

    def drop(self) -> None:
        """Give the copy's memory back, for good."""
        self._may_begin = False
        self._copy.close()


@contextmanager
def packed_linears(model: Any) -> Iterator[int]:
    """Compute the plain linear layers of ``model`` from ordered copies of their weights, in the meantime.

    Layers that something else has taken over (quantized, sharded, moved by accelerate), on another device or in a
    number format without such products stay as they are, and so do all of them where memory is short. An adapter beside
    a layer stays beside it. Where gradients are wanted, under autocast and for inputs of another format a layer uses
    its own weights.

    Args:
        model: Its weights must not change in the meantime.

    Returns:
        A context, with the number of layers that are computed so.
    """
    layers = [module for module in model.modules() if _is_plain(module)] if _can_pack() else []
    if sum(layer.weight.nbytes for layer in layers) > _MEMORY_SHARE * _free_bytes():
        layers = []
    try:
        for layer in layers:
            layer.forward = _packed_forward(layer)
        yield len(layers)
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _can_pack() -> bool:
    # Both are what torch.compile calls for the same purpose; another torch may not have them.
    has_products = all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    mkldnn: Any = torch.backends.mkldnn  # without types
    return bool(mkldnn.is_available()) and has_products


def _is_plain(module: Any) -> bool:
    """Whether ``module`` is torch's own linear layer, computes on this processor, and is nobody else's."""
    if type(module) is not torch.nn.Linear or "forward" in vars(module):
        return False
    weight = module.weight
    has_format = weight.dtype == torch.float32 or (weight.dtype == torch.bfloat16 and _has_bfloat16())
    is_here = type(weight.data) is torch.Tensor and weight.device.type == "cpu"
    return has_format and is_here and weight.numel() >= _SMALLEST


def _packed_forward(layer: torch.nn.Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what computes ``layer`` in place of its own ``forward``."""
    packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().contiguous(), _NUM_ROWS)
    bias = None if layer.bias is None else layer.bias.detach()
    dtype, plain, product = layer.weight.dtype, layer.forward, torch.ops.mkldnn._linear_pointwise.default

    def forward(inputs: torch.Tensor) -> torch.Tensor:
        if inputs.dtype != dtype or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return plain(inputs)
        outputs: torch.Tensor = product(inputs, packed, bias, "none", [], "")
        return outputs

    return forward


def _has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _free_bytes() -> int:
    """Return the memory that this machine can still give; 0 where it does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # what is free, and what caches would give back
            return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 0
