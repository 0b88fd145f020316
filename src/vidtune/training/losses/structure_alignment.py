"""Feature alignment by structure: frames that look alike to the vision tower stay alike in the language model.

It compares the cosine similarities between a clip's frames in the model's last layer with those of the features that
entered it (Tung & Mori 2019, arXiv 1907.09682, with two places of one model for student and teacher).
"""

from __future__ import annotations

import torch

from vidtune.config import Config
from vidtune.training.losses._clip import ClipStates


class StructureAlignmentOptions(Config):
    """It has none."""


class _StructureAlignment:
    """See ``LossTerm``."""

    options_class = StructureAlignmentOptions
    needs_input = True
    least_frames = 3

    def loss(self, clip: ClipStates, reference: ClipStates, options: StructureAlignmentOptions) -> torch.Tensor:
        """Return the mean squared difference of the similarities."""
        # The features that entered are the measure; they are not drawn towards what became of them.
        return ((_similarities(clip.frames_td) - _similarities(reference.frames_td.detach())) ** 2).mean()


def _similarities(frames_td: torch.Tensor) -> torch.Tensor:
    unit_td = torch.nn.functional.normalize(frames_td - frames_td.mean(dim=0), dim=1)
    return unit_td @ unit_td.T


TERM = _StructureAlignment()
