"""Temporal coherence: the state of a frame follows from those before it.

The seed's ``||c_(i+1) - f(c_i, ...)||^2`` has a network for f. Here f is the simplest rule of its order: the next state
is the last one (order 1), or continues the last change (order 2). Divided by how much the clip's frames differ at all,
so that it cannot be lowered by making every state small.
"""

from __future__ import annotations

from typing import Literal

import torch

from vidtune.config import Config
from vidtune.training.losses._clip import LEAST_VARIANCE, ClipStates


class TemporalCoherenceOptions(Config):
    """Settings of temporal_coherence."""

    order: Literal[1, 2] = 1
    """1: neighbours are alike. 2: they change at an even pace."""


class _TemporalCoherence:
    """See ``LossTerm``."""

    options_class = TemporalCoherenceOptions
    needs_input = False
    least_frames = 3
    """Of two frames the change is always four times their variance, whatever they are."""

    def loss(self, clip: ClipStates, reference: ClipStates, options: TemporalCoherenceOptions) -> torch.Tensor:
        """Return the mean squared change of that order, as a share of the variance."""
        changes_td = torch.diff(clip.frames_td, n=options.order, dim=0)
        spread = ((clip.frames_td - clip.frames_td.mean(dim=0)) ** 2).sum(dim=1).mean()
        return (changes_td**2).sum(dim=1).mean() / (spread + LEAST_VARIANCE)


TERM = _TemporalCoherence()
