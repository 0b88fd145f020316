"""Parts of vision towers, computed faster with the same values; names and weights stay as they are.

**Attention.** The patches of a frame, of a pair of frames or of a window attend only to each other. transformers 5.23
splits the patches of a batch by these chunks and calls attention in a loop: for 32 clips of 8 frames that is 128 calls
a layer. Neighbours of equal length are stacked here and attended to in one call.

**Patch embedding.** Its convolution has a stride as large as its kernel and gets patches that are cut already, so it is
a matrix product; torch's convolution takes several times as long on a CPU.

Only attention by torch's sdpa is changed: flash attention takes unequal lengths by itself, and eager attention is the
slow reference. The tests compare values and gradients with the stock towers, and ``docs/models.md`` has times.

Suffix letters: ``n`` patches, ``h`` heads, ``d`` head dim.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import Any

import torch

Rotate = Callable[..., tuple[torch.Tensor, torch.Tensor]]
"""Turns queries and keys (n, h, d) by their positions' cosines and sines."""


def speed_up_attention(model: Any, stock: Any, rotate: Rotate) -> None:
    """Change how modules of the class ``stock`` compute, which have ``qkv`` and ``proj``."""
    fast = _attention_class(stock, rotate)
    for module in model.modules():
        if type(module) is stock and module.config._attn_implementation == "sdpa":
            module.__class__ = fast


def speed_up_patches(model: Any, stock: Any) -> None:
    """Change how modules of the class ``stock`` compute, whose ``proj`` is a convolution of cut patches."""
    fast = _patch_embed_class(stock)
    for module in model.modules():
        if type(module) is stock:
            module.__class__ = fast


def attend_in_chunks(
    query_nhd: torch.Tensor, key_nhd: torch.Tensor, value_nhd: torch.Tensor, cu_seqlens: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attend within each chunk of patches, heads side by side in what is returned (n, h x d).

    Args:
        query_nhd: Queries, turned by their positions.
        key_nhd: Keys, likewise.
        value_nhd: Values.
        cu_seqlens: Where chunks begin, and where the last ends.
        scale: Of the products of queries and keys.
    """
    num_heads = query_nhd.shape[1]
    attended = []
    start = 0
    for length, run in groupby((cu_seqlens[1:] - cu_seqlens[:-1]).tolist()):
        num_chunks = len(list(run))
        stop = start + num_chunks * length
        query, key, value = (
            part[start:stop].reshape(num_chunks, length, num_heads, -1).transpose(1, 2)
            for part in (query_nhd, key_nhd, value_nhd)
        )
        chunks = torch.nn.functional.scaled_dot_product_attention(query, key, value, scale=scale)
        attended.append(chunks.transpose(1, 2).reshape(num_chunks * length, -1))
        start = stop
    return torch.cat(attended)


@cache
def _attention_class(stock: Any, rotate: Rotate) -> type[Any]:
    class BatchedVisionAttention(stock):  # type: ignore[misc]
        """The stock attention for sdpa, with runs of equal chunks stacked."""

        def forward(
            self,
            hidden_states: torch.Tensor,
            cu_seqlens: torch.Tensor,
            position_embeddings: tuple[torch.Tensor, torch.Tensor] | None = None,
            max_seqlen: int | None = None,
            **kwargs: Any,
        ) -> torch.Tensor:
            """Attend within each chunk of ``hidden_states`` (patches, dim); chunk borders are ``cu_seqlens``."""
            if position_embeddings is None:
                raise ValueError("the vision tower always passes position embeddings.")
            num_patches = hidden_states.shape[0]
            query, key, value = self.qkv(hidden_states).reshape(num_patches, 3, self.num_heads, -1).unbind(1)
            query, key = rotate(query, key, *position_embeddings)
            projected: torch.Tensor = self.proj(attend_in_chunks(query, key, value, cu_seqlens, self.scaling))
            return projected

    return BatchedVisionAttention


@cache
def _patch_embed_class(stock: Any) -> type[Any]:
    class LinearPatchEmbed(stock):  # type: ignore[misc]
        """The stock patch embedding as one matrix product."""

        def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
            """Embed ``hidden_states`` (patches, channels x frames x height x width)."""
            weight = self.proj.weight.flatten(1)
            patches = hidden_states.to(weight.dtype).view(-1, weight.shape[1])
            return torch.nn.functional.linear(patches, weight, self.proj.bias)

    return LinearPatchEmbed
