"""Two parts of the vision tower, computed faster with the same values; names and weights stay as they are.

**Attention.** The patches of a frame pair attend only to each other. transformers 5.23 splits the patches of a batch by
frame pair and calls attention in a loop: for 32 clips of 8 frames that is 128 calls a layer. Neighbours of equal length
are stacked and attended to in one call.

**Patch embedding.** Its 3D convolution has a stride as large as its kernel and gets patches that are cut already, so it
is a matrix product; torch's convolution takes several times as long on a CPU.

The tests compare values and gradients with the stock tower, and ``docs/models.md`` has the times.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Any

import torch


def speed_up_vision(model: Any) -> None:
    """Change how the vision tower of ``model`` computes.

    Only attention by torch's sdpa is changed: flash attention takes unequal lengths by itself, and eager attention
    is the slow reference.
    """
    from transformers.models.qwen2_vl.modeling_qwen2_vl import PatchEmbed, VisionAttention

    for module in model.modules():
        if type(module) is VisionAttention and module.config._attn_implementation == "sdpa":
            module.__class__ = _attention_class()
        elif type(module) is PatchEmbed:
            module.__class__ = _patch_embed_class()


@cache
def _attention_class() -> type[Any]:
    """Return the class, made on first use: importing this module must not import transformers."""
    from transformers.models.qwen2_vl.modeling_qwen2_vl import VisionAttention, apply_rotary_pos_emb_vision

    class BatchedVisionAttention(VisionAttention):
        """``VisionAttention`` for sdpa, with runs of equal chunks stacked."""

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
            query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)

            attended = []
            start = 0
            for length, run in groupby((cu_seqlens[1:] - cu_seqlens[:-1]).tolist()):
                num_chunks = len(list(run))
                stop = start + num_chunks * length
                query_chunks, key_chunks, value_chunks = (
                    part[start:stop].reshape(num_chunks, length, self.num_heads, -1).transpose(1, 2)
                    for part in (query, key, value)
                )
                chunks = torch.nn.functional.scaled_dot_product_attention(
                    query_chunks, key_chunks, value_chunks, scale=self.scaling
                )
                attended.append(chunks.transpose(1, 2).reshape(num_chunks * length, -1))
                start = stop
            projected: torch.Tensor = self.proj(torch.cat(attended))
            return projected

    return BatchedVisionAttention


@cache
def _patch_embed_class() -> type[Any]:
    from transformers.models.qwen2_vl.modeling_qwen2_vl import PatchEmbed

    class LinearPatchEmbed(PatchEmbed):
        """``PatchEmbed`` as one matrix product."""

        def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
            """Embed ``hidden_states`` (patches, channels x frames x height x width)."""
            weight = self.proj.weight.flatten(1)
            return torch.nn.functional.linear(hidden_states.to(weight.dtype).view(-1, weight.shape[1]), weight)

    return LinearPatchEmbed
