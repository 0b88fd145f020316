"""The efficient token projector (ETP) of Mobile-VideoGPT: two linear layers, a smaller grid, and one convolution.

Suffix letters: ``g`` grids, ``n`` tokens of a grid, ``d`` features, ``h`` hidden size.
"""

from __future__ import annotations

import math

import torch
from torch import nn


class _Mlp(nn.Module):
    """Linear, GELU, linear; nested as in the checkpoint."""

    def __init__(self, in_size: int, out_size: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(in_size, out_size), nn.GELU(), nn.Linear(out_size, out_size))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        projected: torch.Tensor = self.mlp(features)
        return projected


class _PositionEncoder(nn.Module):
    """A depthwise 3 x 3 convolution beside a shortcut, which tells a token where in the grid it is."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.peg = nn.Sequential(nn.Conv2d(size, size, kernel_size=3, padding=1, groups=size))

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        encoded: torch.Tensor = self.peg(grid) + grid
        return encoded


class TokenProjector(nn.Module):
    """From a square grid of features to a smaller square grid of tokens of the language model.

    Args:
        in_size: Features of the tower.
        hidden_size: Of the language model.
        side: Tokens on each side of what comes out: 12 for frames, 7 for the video tower.
    """

    def __init__(self, in_size: int, hidden_size: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.mlp = _Mlp(in_size, hidden_size)
        self.peg = _PositionEncoder(hidden_size)

    def forward(self, features_gnd: torch.Tensor) -> torch.Tensor:
        """Return (grids, side * side, hidden size).

        Raises:
            ValueError: If the tokens that come in are no square grid.
        """
        num_tokens = features_gnd.shape[1]
        in_side = math.isqrt(num_tokens)
        if in_side * in_side != num_tokens:
            raise ValueError(f"{num_tokens} tokens are no square grid.")
        tokens_gnh = self.mlp(features_gnd)
        grid = tokens_gnh.transpose(1, 2).reshape(len(tokens_gnh), -1, in_side, in_side)
        pooled = nn.functional.adaptive_avg_pool2d(grid, self.side)
        encoded: torch.Tensor = self.peg(pooled)
        return encoded.flatten(2).transpose(1, 2)
