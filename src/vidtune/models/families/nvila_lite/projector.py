"""The projector of NVILA-Lite: nine neighbouring patches become one token.

Suffix letters: ``f`` frames, ``n`` patches, ``r`` and ``k`` rows and columns of patches, ``d`` features.
"""

from __future__ import annotations

import math

import torch
from torch import nn

BLOCK = 3
"""Patches on each side of what becomes one token."""


def tokens_of_grid(num_patches_per_side: int) -> int:
    """Return how many tokens a frame of so many patches a side becomes.

    Example:
        >>> tokens_of_grid(32)
        121
    """
    return (-(-num_patches_per_side // BLOCK)) ** 2


def space_to_depth(features_fnd: torch.Tensor) -> torch.Tensor:
    """Return blocks of 3 x 3 patches with their features side by side: row by row within a block, then channels.

    A grid whose side is no multiple of 3 gets zeros at its right and bottom.

    Raises:
        ValueError: If the patches are no square grid.

    Example:
        >>> space_to_depth(torch.arange(16.0).reshape(1, 16, 1))[0, 3].tolist()
        [15.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    num_frames, num_patches, num_features = features_fnd.shape
    side = math.isqrt(num_patches)
    if side * side != num_patches:
        raise ValueError(f"{num_patches} patches are no square grid; expected the tower of a square frame.")
    missing = -side % BLOCK
    grid_frkd = features_fnd.reshape(num_frames, side, side, num_features)
    grid_frkd = nn.functional.pad(grid_frkd, (0, 0, 0, missing, 0, missing))
    blocks = (side + missing) // BLOCK
    cells = grid_frkd.reshape(num_frames, blocks, BLOCK, blocks, BLOCK, num_features)
    return cells.transpose(2, 3).reshape(num_frames, blocks * blocks, BLOCK * BLOCK * num_features)


class _SpaceToDepth(nn.Module):
    """``space_to_depth`` as a layer, so that the numbers of the layers are those of the checkpoint."""

    def forward(self, features_fnd: torch.Tensor) -> torch.Tensor:
        return space_to_depth(features_fnd)


class DownSampleProjector(nn.Module):
    """From the tower's patches to the language model's tokens: ``mlp_downsample_3x3_fix`` of VILA.

    Args:
        vision_size: Features of a patch.
        hidden_size: Of the language model.
    """

    def __init__(self, vision_size: int, hidden_size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _SpaceToDepth(),
            nn.LayerNorm(vision_size * BLOCK * BLOCK),
            nn.Linear(vision_size * BLOCK * BLOCK, vision_size * BLOCK),
            nn.GELU(),
            nn.LayerNorm(vision_size * BLOCK),
            nn.Linear(vision_size * BLOCK, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, hidden_size),
        )

    def forward(self, features_fnd: torch.Tensor) -> torch.Tensor:
        """Return (frames, tokens, hidden size)."""
        tokens: torch.Tensor = self.layers(features_fnd)
        return tokens
