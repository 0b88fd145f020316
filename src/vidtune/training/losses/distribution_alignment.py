"""Feature alignment by distribution: what represents a clip is distributed as the whole of it.

The seed's KL(compressed || expected), with both taken as normal distributions of independent features: compressed are
the frames, each the mean of its tokens; expected are all tokens.
"""

from __future__ import annotations

import torch

from vidtune.config import Config
from vidtune.training.losses._clip import LEAST_VARIANCE, ClipStates


class DistributionAlignmentOptions(Config):
    """It has none."""


class _DistributionAlignment:
    """See ``LossTerm``."""

    options_class = DistributionAlignmentOptions
    needs_input = False
    least_frames = 2

    def loss(self, clip: ClipStates, reference: ClipStates, options: DistributionAlignmentOptions) -> torch.Tensor:
        """Return the divergence in nats, averaged over features."""
        mean_f, var_f = _moments(clip.frames_td)
        mean_n, var_n = _moments(clip.tokens_nd)
        return 0.5 * (torch.log(var_n / var_f) + (var_f + (mean_f - mean_n) ** 2) / var_n - 1).mean()


def _moments(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return values.mean(dim=0), values.var(dim=0, correction=0) + LEAST_VARIANCE


TERM = _DistributionAlignment()
