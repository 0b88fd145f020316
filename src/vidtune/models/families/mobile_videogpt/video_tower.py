"""VideoMamba: patches of all frames in one sequence, mixed by bidirectional Mamba layers.

Suffix letters: ``b`` clips, ``t`` frames, ``n`` patches of a frame, ``l`` tokens (1 + t n), ``s`` features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from vidtune.models.families.mobile_videogpt.mixer import BiMambaMixer
from vidtune.models.families.mobile_videogpt.selective_scan import at_least_single


class MambaRMSNorm(nn.Module):
    """Root-mean-square norm, computed in float32.

    Args:
        size: Features of a token.
        epsilon: Added to the mean square.
    """

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, tokens_bls: torch.Tensor) -> torch.Tensor:
        """Return normed tokens in the dtype of the weight."""
        tokens = at_least_single(tokens_bls)
        normed = tokens * torch.rsqrt(tokens.square().mean(-1, keepdim=True) + self.epsilon)
        return (normed * at_least_single(self.weight)).to(self.weight.dtype)


class MambaBlock(nn.Module):
    """Norm and mixer around a residual stream in float32.

    Args:
        config: Of the tower.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.mixer = BiMambaMixer(
            config.hidden_size, config.state_size, config.conv_kernel, config.expand, config.time_step_rank
        )
        self.norm = MambaRMSNorm(config.hidden_size, config.norm_epsilon)

    def forward(self, residual_bls: torch.Tensor) -> torch.Tensor:
        """Return the residual stream with what this block adds."""
        added: torch.Tensor = self.mixer(self.norm(residual_bls))
        return residual_bls + at_least_single(added)


class _PatchEmbed(nn.Module):
    """Cuts every frame into patches and embeds them; one frame deep."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        kernel = (config.tubelet_size, config.patch_size, config.patch_size)
        self.proj = nn.Conv3d(config.num_channels, config.hidden_size, kernel_size=kernel, stride=kernel)

    def forward(self, pixels_bcthw: torch.Tensor) -> torch.Tensor:
        """Return (clips, frames, patches, features)."""
        patches = self.proj(pixels_bcthw.to(self.proj.weight.dtype))
        embedded: torch.Tensor = patches.flatten(3).permute(0, 2, 3, 1)
        return embedded


class VideoMambaEncoder(nn.Module):
    """The tower without its training heads.

    Stochastic depth, which the authors used when they trained the tower, is not applied: the tower is frozen or lightly
    adapted here.

    Args:
        config: A ``VideoMambaConfig``.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        num_patches = (config.image_size // config.patch_size) ** 2
        self.patch_embed = _PatchEmbed(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.pos_embed = nn.Parameter(torch.zeros(1, num_patches + 1, config.hidden_size))
        self.temporal_pos_embedding = nn.Parameter(
            torch.zeros(1, config.num_frames // config.tubelet_size, config.hidden_size)
        )
        self.layers = nn.ModuleList(MambaBlock(config) for _ in range(config.num_hidden_layers))
        self.norm = MambaRMSNorm(config.hidden_size, config.norm_epsilon)
        self.gradient_checkpointing = False

    def forward(self, pixels_btchw: torch.Tensor) -> torch.Tensor:
        """Return the normed features of all patches, (clips, frames, patches, features); the class token is dropped.

        Raises:
            ValueError: If the clips do not have the number of frames that the tower has positions for.
        """
        num_frames, wanted = pixels_btchw.shape[1], self.temporal_pos_embedding.shape[1]
        if num_frames != wanted:
            raise ValueError(f"the video tower takes clips of {wanted} frames, found {num_frames}.")
        patches_btns = self.patch_embed(pixels_btchw.transpose(1, 2))
        patches_btns = patches_btns + self.pos_embed[:, None, 1:] + self.temporal_pos_embedding[:, :, None]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(patches_btns), -1, -1)
        residual_bls = at_least_single(torch.cat([first, patches_btns.flatten(1, 2)], dim=1))
        for layer in self.layers:
            if self.gradient_checkpointing and self.training:
                residual_bls = checkpoint(layer, residual_bls, use_reentrant=False)
            else:
                residual_bls = layer(residual_bls)
        normed: torch.Tensor = self.norm(residual_bls)
        return normed[:, 1:].reshape(patches_btns.shape)
