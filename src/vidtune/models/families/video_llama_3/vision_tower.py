"""The faster vision tower of VideoLLaMA 3."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from vidtune.models._vision_speed import attend_in_chunks


def speed_up_vision(model: Any) -> None:
    """Change how the vision tower of ``model`` attends; see ``_vision_speed``."""
    from transformers.models.video_llama_3.modeling_video_llama_3 import VideoLlama3VisionAttention

    for module in model.modules():
        if type(module) is VideoLlama3VisionAttention and module.config._attn_implementation == "sdpa":
            module.__class__ = _attention_class()


@cache
def _attention_class() -> type[Any]:
    """Return the class, made on first use: importing this module must not import transformers."""
    from transformers.models.video_llama_3 import modeling_video_llama_3 as stock

    class BatchedVisionAttention(stock.VideoLlama3VisionAttention):
        """The stock attention for sdpa, with runs of equal chunks stacked."""

        def forward(
            self,
            hidden_states: torch.Tensor,
            cu_seqlens: torch.Tensor,
            position_embeddings: tuple[torch.Tensor, torch.Tensor],
            max_seqlen: int | None = None,
            **kwargs: Any,
        ) -> tuple[torch.Tensor, None]:
            """Attend within each chunk of ``hidden_states`` (patches, dim); chunk borders are ``cu_seqlens``."""
            query, key, value = (
                projection(hidden_states).unflatten(-1, (self.num_heads, self.head_dim))
                for projection in (self.q_proj, self.k_proj, self.v_proj)
            )
            query, key = stock.apply_rotary_pos_emb_vision(query, key, *position_embeddings)
            return self.out_proj(attend_in_chunks(query, key, value, cu_seqlens, self.scaling)), None

    return BatchedVisionAttention
