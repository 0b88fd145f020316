"""The soft equicontour constraint of NTLBG-LLM: frames are drawn to one common distance from the clip's mean.

The published form is the sum of ``(D - c)^2`` over a clip's frames, with D the squared Mahalanobis distance and c its
median. Here it is the mean of ``(D / c - 1)^2``, so that it does not grow with frames or features.
"""

from __future__ import annotations

import torch

from vidtune.config import Config
from vidtune.training.losses._clip import ClipStates, off_the_contour


class EquicontourSoftOptions(Config):
    """It has none."""


class _EquicontourSoft:
    """See ``LossTerm``."""

    options_class = EquicontourSoftOptions
    needs_input = False
    least_frames = 3

    def loss(self, clip: ClipStates, reference: ClipStates, options: EquicontourSoftOptions) -> torch.Tensor:
        """Return the mean squared relative distance from the contour."""
        return (off_the_contour(clip.frames_td) ** 2).mean()


TERM = _EquicontourSoft()
