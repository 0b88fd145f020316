"""The bidirectional Mamba mixer of VideoMamba: one selective scan forwards, one backwards, and their sum.

The directions share the projections in and out; each has its own convolution, its own selection and its own decay. The
weights of the backward direction end in ``_b`` (``A_b_log`` for its decay), as in the checkpoints.

Suffix letters: ``b`` clips, ``l`` tokens, ``d`` inner channels, ``n`` states of a channel.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from vidtune.models.families.mobile_videogpt.kernels import scan
from vidtune.models.families.mobile_videogpt.selective_scan import at_least_single


class _Direction(NamedTuple):
    """The weights that one direction has for itself."""

    conv1d: nn.Conv1d
    x_proj: nn.Linear
    dt_proj: nn.Linear
    a_log_dn: torch.Tensor
    d_d: torch.Tensor


class BiMambaMixer(nn.Module):
    """Mixes tokens along time in both directions.

    Args:
        size: Features of a token.
        state_size: States of a channel.
        conv_size: Tokens that the causal convolution sees.
        expand: Inner channels for one feature.
        dt_rank: Rank of the step sizes; 0 for a sixteenth of ``size``.
    """

    def __init__(self, size: int, state_size: int, conv_size: int, expand: int, dt_rank: int = 0) -> None:
        super().__init__()
        inner = size * expand
        self.state_size = state_size
        self.dt_rank = dt_rank or math.ceil(size / 16)
        self.in_proj = nn.Linear(size, 2 * inner, bias=False)
        self.conv1d = _convolution(inner, conv_size)
        self.x_proj = nn.Linear(inner, self.dt_rank + 2 * state_size, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, inner)
        self.A_log = nn.Parameter(torch.zeros(inner, state_size))
        self.D = nn.Parameter(torch.ones(inner))
        self.A_b_log = nn.Parameter(torch.zeros(inner, state_size))
        self.conv1d_b = _convolution(inner, conv_size)
        self.x_proj_b = nn.Linear(inner, self.dt_rank + 2 * state_size, bias=False)
        self.dt_proj_b = nn.Linear(self.dt_rank, inner)
        self.D_b = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, size, bias=False)

    def forward(self, tokens_bls: torch.Tensor) -> torch.Tensor:
        """Return the mixed tokens, in the shape and dtype of those that come in."""
        x_bld, z_bld = self.in_proj(tokens_bls).chunk(2, dim=-1)
        forwards = _Direction(self.conv1d, self.x_proj, self.dt_proj, self.A_log, self.D)
        backwards = _Direction(self.conv1d_b, self.x_proj_b, self.dt_proj_b, self.A_b_log, self.D_b)
        y_bld = self._run(x_bld, forwards) + self._run(x_bld.flip(1), backwards).flip(1)
        # Both directions pass the same gate, so it is applied to their sum.
        mixed: torch.Tensor = self.out_proj(y_bld * nn.functional.silu(z_bld))
        return mixed

    def _run(self, x_bld: torch.Tensor, direction: _Direction) -> torch.Tensor:
        num_tokens = x_bld.shape[1]
        convolved = direction.conv1d(x_bld.transpose(1, 2))[..., :num_tokens].transpose(1, 2)
        u_bld = nn.functional.silu(convolved)
        dt_low, b_bln, c_bln = direction.x_proj(u_bld).split([self.dt_rank, self.state_size, self.state_size], dim=-1)
        dt_bld = nn.functional.softplus(at_least_single(direction.dt_proj(dt_low)))
        return scan(u_bld, dt_bld, -at_least_single(direction.a_log_dn).exp(), b_bln, c_bln, direction.d_d)


def _convolution(channels: int, conv_size: int) -> nn.Conv1d:
    """Return a convolution of each channel by itself; with its padding cut at the end it sees no later token."""
    return nn.Conv1d(channels, channels, kernel_size=conv_size, groups=channels, padding=conv_size - 1)
