"""The vision tower with its linear layers stored in 8 or 4 bit: to measure what a quantized model loses on a frame.

The weights go to their few levels and back, and the tower computes with the result. That is what a weight-only
quantization computes, up to the rounding of the multiplication itself, and it runs on any device.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from vidtune.models.embedders.vision_tower import VisionTowerEmbedder, load_vision_model

if TYPE_CHECKING:
    from vidtune.media import Embedder

NF4_BLOCK = 64

# The levels of 4-bit NormalFloat: quantiles of the normal law scaled to reach from -1 to 1, with an exact 0.
# Source: Dettmers et al., "QLoRA: Efficient finetuning of quantized LLMs" (2023), appendix E.
NF4_LEVELS = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)


def round_to_nf4(weight: torch.Tensor) -> torch.Tensor:
    """Return the weight after a trip through NF4: blocks of 64 in memory order, each scaled by its largest value."""
    flat = weight.detach().float().flatten()
    padded = torch.nn.functional.pad(flat, (0, -len(flat) % NF4_BLOCK)).reshape(-1, NF4_BLOCK)
    scale = padded.abs().amax(dim=1, keepdim=True)
    levels = torch.tensor(NF4_LEVELS, device=weight.device)
    borders = (levels[1:] + levels[:-1]) / 2
    rounded = levels[torch.bucketize(padded / scale.clamp_min(1e-12), borders)] * scale
    return rounded.flatten()[: len(flat)].reshape(weight.shape).to(weight.dtype)


def round_to_int8(weight: torch.Tensor) -> torch.Tensor:
    """Return the weight after a trip through 8-bit integers: one scale an output channel, symmetric."""
    rows = weight.detach().float()
    scale = rows.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127
    return (torch.round(rows / scale) * scale).to(weight.dtype)


def make_nf4_embedder(argument: str | None) -> Embedder:
    """Return the vision tower of the model that ``argument`` names, in 4-bit NormalFloat."""
    return _make(argument, round_to_nf4)


def make_int8_embedder(argument: str | None) -> Embedder:
    """Return the vision tower of the model that ``argument`` names, in 8-bit integers."""
    return _make(argument, round_to_int8)


def _make(argument: str | None, round_weight: Callable[[torch.Tensor], torch.Tensor]) -> VisionTowerEmbedder:
    loaded = load_vision_model(argument)
    pattern = re.compile(loaded.family.linear_targets("vision"))
    with torch.no_grad():
        for name, module in loaded.model.named_modules():
            if pattern.fullmatch(name):
                module.weight.copy_(round_weight(module.weight))
    return VisionTowerEmbedder(loaded)
