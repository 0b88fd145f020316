"""What models that we compose ourselves share: which layer of a tower is read, and where its features go."""

from __future__ import annotations

from typing import Any

import torch


def embed_tokens(embedding: Any, input_ids_bt: torch.Tensor, video_token_id: int) -> torch.Tensor:
    """Return the embeddings of ``input_ids_bt``; placeholders get that of token 0.

    A placeholder may lie behind the last row of the embedding: checkpoints of these models do not have one for it.
    """
    embeds_bth: torch.Tensor = embedding(input_ids_bt.masked_fill(input_ids_bt == video_token_id, 0))
    return embeds_bth


def place_features(
    embeds_bth: torch.Tensor, is_placeholder_bt: torch.Tensor, features_nh: torch.Tensor
) -> torch.Tensor:
    """Return ``embeds_bth`` with the features in the places of the placeholders, row after row.

    Raises:
        ValueError: If there are more or fewer features than placeholders.

    Example:
        >>> place_features(torch.zeros(1, 3, 1), torch.tensor([[False, True, True]]), torch.ones(2, 1)).tolist()
        [[[0.0], [1.0], [1.0]]]
    """
    num_placeholders = int(is_placeholder_bt.sum())
    if num_placeholders != len(features_nh):
        raise ValueError(
            f"the prompt has {num_placeholders} placeholder tokens, the pixels make {len(features_nh)}: "
            "expected the same; build both with the family's processor."
        )
    features_nh = features_nh.to(device=embeds_bth.device, dtype=embeds_bth.dtype)
    return embeds_bth.masked_scatter(is_placeholder_bt[..., None].to(embeds_bth.device), features_nh)


def num_layers_read(num_layers: int, select_layer: int) -> int:
    """Return how many layers lie before a hidden state; hidden state 0 is the embedding, -1 that of the last layer.

    Example:
        >>> num_layers_read(27, -2)
        26
    """
    return select_layer if select_layer >= 0 else num_layers + 1 + select_layer
