"""The faster vision tower of Qwen2-VL."""

from __future__ import annotations

from typing import Any

from vidtune.models._vision_speed import speed_up_attention, speed_up_patches


def speed_up_vision(model: Any) -> None:
    """Change how the vision tower of ``model`` computes; see ``_vision_speed``."""
    from transformers.models.qwen2_vl import modeling_qwen2_vl as stock

    speed_up_attention(model, stock.VisionAttention, stock.apply_rotary_pos_emb_vision)
    speed_up_patches(model, stock.PatchEmbed)
