"""Which frames the video tower sees: those that draw the most attention from all patches of their chunk.

There is nothing to learn here. Suffix letters: ``c`` chunks, ``t`` frames of a chunk, ``n`` patches, ``d`` features.
"""

from __future__ import annotations

import torch


def score_frames(features_ctnd: torch.Tensor) -> torch.Tensor:
    """Return the attention that each frame receives within its chunk, (chunks, frames), in float32.

    Every patch of the chunk attends to every other, with softmax(X Xt / sqrt(d)) as weights; a frame's score is the sum
    of the weights on its patches over all patches that look. The scores of a chunk sum to its number of patches.
    Source: "Attention-Based Frame Scoring" of Mobile-VideoGPT (Shaker et al., 2025).
    """
    num_chunks, num_frames, num_patches, num_features = features_ctnd.shape
    tokens = features_ctnd.float().flatten(1, 2)
    weights = torch.softmax(tokens @ tokens.transpose(1, 2) / num_features**0.5, dim=-1)
    return weights.sum(1).reshape(num_chunks, num_frames, num_patches).sum(-1)


def select_frames(features_ctnd: torch.Tensor, num_selected: int, *, highest: bool = True) -> torch.Tensor:
    """Return the numbers of the selected frames of every chunk, in the order of time, (chunks, num_selected).

    Of frames with equal scores the earlier is taken.

    Args:
        features_ctnd: What the image tower makes of the frames.
        num_selected: Frames to take from every chunk.
        highest: Take those with the highest scores; False takes the lowest.

    Raises:
        ValueError: If a chunk has fewer frames.
    """
    num_frames = features_ctnd.shape[1]
    if num_selected > num_frames:
        raise ValueError(f"{num_selected} frames cannot be selected from a chunk of {num_frames}.")
    order = score_frames(features_ctnd).argsort(dim=1, descending=highest, stable=True)
    return order[:, :num_selected].sort(dim=1).values
