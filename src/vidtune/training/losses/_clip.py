"""What a term of the loss is given of a clip, and the measures that terms share.

Axis letters: ``n`` tokens of a clip, ``t`` its frames (groups of them where the model joins neighbours),
``d`` features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class ClipStates:
    """The states at one place of a model that belong to one clip."""

    tokens_nd: torch.Tensor
    """(N, D) of each token that stands for pixels, frame after frame."""

    frames_td: torch.Tensor
    """(T, D) the mean of each frame's tokens."""

    @classmethod
    def of(cls, tokens_nd: torch.Tensor, num_frames: int) -> ClipStates:
        """Return the states of a clip of ``num_frames`` frames, each of which has the same number of tokens.

        Where the numbers do not divide, as with one token more at the end, the cuts are as even as they can be.
        """
        frames = torch.stack([part.mean(dim=0) for part in torch.tensor_split(tokens_nd, num_frames)])
        return cls(tokens_nd, frames)


def mahalanobis_squares(frames_td: torch.Tensor) -> torch.Tensor:
    """Return the squared distance (T,) of each frame from the clip's mean, in standard deviations of each feature.

    The published code learns mean and deviation from the question with a network of its own; here both are the clip's.
    """
    centred_td = frames_td - frames_td.mean(dim=0)
    return (centred_td**2 / (centred_td**2).mean(dim=0).add(LEAST_VARIANCE)).sum(dim=1)


def off_the_contour(frames_td: torch.Tensor) -> torch.Tensor:
    """Return, for each frame, by which share its squared distance differs from the median of the clip's frames."""
    squares_t = mahalanobis_squares(frames_td)
    median = torch.quantile(squares_t, 0.5)
    return squares_t / median.clamp_min(LEAST_VARIANCE) - 1
