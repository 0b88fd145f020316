"""The hard equicontour constraint: what is off the common distance by more than a tolerance costs in full proportion.

The seed of this system calls the constraint hard when it is weighted twice as much. Here it is an exact penalty: a sum
of absolute excesses, which unlike squares holds the constraint itself from some finite weight on (Nocedal & Wright,
Numerical Optimization, chapter 17.2).
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from vidtune.config import Config
from vidtune.training.losses._clip import ClipStates, off_the_contour


class EquicontourHardOptions(Config):
    """Settings of equicontour_hard."""

    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """By which share a frame's squared distance may differ from the median without cost."""


class _EquicontourHard:
    """See ``LossTerm``."""

    options_class = EquicontourHardOptions
    needs_input = False
    least_frames = 3

    def loss(self, clip: ClipStates, reference: ClipStates, options: EquicontourHardOptions) -> torch.Tensor:
        """Return the mean excess over the tolerance."""
        return torch.relu(off_the_contour(clip.frames_td).abs() - options.tolerance).mean()


TERM = _EquicontourHard()
