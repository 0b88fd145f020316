"""From the signals of a frame to how many of a layer's ranks it uses.

Axis letters: ``g`` groups of frames, ``s`` signals, ``r`` ranks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vidtune.adapters._bare import bare_model

if TYPE_CHECKING:
    from vidtune.adapters.temporal._context import TemporalContext

GATES = "lora_temporal_gate"
"""Where a layer has its gates by adapter. PEFT saves, moves and trains what begins with ``lora_``."""

_OPEN = 0.95
"""Height of the plain sigmoid at the last rank of a fresh gate: near enough to 1 to divide by, low enough to move."""


class OrderedGate(nn.Module):
    """Opens the first ranks of a low-rank update, as many as the signals of a frame ask for.

    The place of the edge is ``p(u) = 2 p0 sigmoid(gain (w·u + b))``, and rank i (counted from 0) is open to
    ``sigmoid((p - i - 1/2) / softness)``, divided by what that is at ``p0``. So a fresh gate, with w = b = 0, is
    exactly 1 everywhere: plain LoRA. The division lets a rank be open by at most 1 / 0.95. In eval mode the edge is
    sharp: rank i is used if ``i + 1/2 < p``, so what a smaller rank computes is a prefix of what a larger one does.

    Source: the order of the ranks is that of DyLoRA (Valipour et al. 2022, arXiv 2210.07558); the signals are ours.

    Args:
        rank: Of the update.
        num_signals: Of each group of frames.
        softness: Width of the edge in training, in ranks.
        gain: By how much a step of the optimizer is enlarged; the parameters are of another size than weights.
        is_visual: The layer sees nothing but pixels, so there is no gate for text.
    """

    context: TemporalContext | None = None
    """What the model is being shown; set when the gate is put into a model."""

    fixed_r: torch.Tensor | None = None
    """One gate for all tokens, while an export is measured."""

    def __init__(self, *, rank: int, num_signals: int, softness: float, gain: float, is_visual: bool) -> None:
        super().__init__()
        self.rank = rank
        self.softness = softness
        self.gain = gain
        self.is_visual = is_visual
        self.open_edge = rank - 0.5 + softness * math.log(_OPEN / (1 - _OPEN))
        self.gate_slope = nn.Parameter(torch.zeros(num_signals))
        self.gate_offset = nn.Parameter(torch.zeros(1))
        if not is_visual:
            self.gate_text = nn.Parameter(torch.zeros(1))

    def edges(self, signals_gs: torch.Tensor, *, moves_slope: bool = True) -> torch.Tensor:
        """Return the edge p of text, unless the layer sees none, and then of each group: (1 + g,) or (g,).

        Without ``moves_slope`` the values are the same, and no gradient reaches the weights of the signals.
        """
        slope = self.gate_slope if moves_slope else self.gate_slope.detach()
        # Not a matrix product, which autocast would round to bfloat16.
        asked_g = (signals_gs * slope).sum(-1) + self.gate_offset
        if not self.is_visual:
            asked_g = torch.cat([self.gate_text, asked_g])
        return 2 * self.open_edge * torch.sigmoid(self.gain * asked_g)

    def soften(self, edges: torch.Tensor) -> torch.Tensor:
        """Return how far each rank is open, (..., r): differentiable in ``edges`` (...)."""
        middles_r = torch.arange(self.rank, device=edges.device, dtype=edges.dtype) + 0.5
        open_r = torch.sigmoid((self.open_edge - middles_r) / self.softness)
        return torch.sigmoid((edges[..., None] - middles_r) / self.softness) / open_r

    def truncate(self, edges: torch.Tensor) -> torch.Tensor:
        """Return which ranks are used, (..., r), as zeros and ones: a run of ones from the first."""
        middles_r = torch.arange(self.rank, device=edges.device, dtype=edges.dtype) + 0.5
        return (middles_r < edges[..., None]).to(edges.dtype)

    def forward(self, signals_gs: torch.Tensor) -> torch.Tensor:
        """Return the gates, (1 + g, r) with that of text first, or (g, r) for a layer that sees pixels only."""
        edges = self.edges(signals_gs)
        if self.fixed_r is not None:
            return self.fixed_r.expand(len(edges), -1)
        return self.soften(edges) if self.training else self.truncate(edges)


def gated_layers(model: Any) -> dict[str, tuple[Any, OrderedGate]]:
    """Return the layers that have a gate, with the gate of the active adapter, by name in the plain model."""
    base = bare_model(model)
    return {
        name: (module, getattr(module, GATES)[module.active_adapters[0]])
        for name, module in base.named_modules()
        if hasattr(module, GATES)
    }
