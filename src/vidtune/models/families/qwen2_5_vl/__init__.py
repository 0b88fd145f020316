"""Qwen2.5-VL: as Qwen2-VL, with window attention in the vision tower and positions that follow seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vidtune.models._native import NativeFamily
from vidtune.models._vision_speed import speed_up_attention, speed_up_patches
from vidtune.models.families.qwen2_vl import Qwen2VL

if TYPE_CHECKING:
    from vidtune.models._batch import BatchInputs
    from vidtune.models._family import Modality, PromptItem

__all__ = ["FAMILY"]


class Qwen25VL(Qwen2VL):
    """See ``Family`` and ``NativeFamily`` for what each of these is. Frames are resized as in Qwen2-VL."""

    name = "qwen2_5_vl"
    model_types = ("qwen2_5_vl",)
    model_class = "Qwen2_5_VLForConditionalGeneration"
    processor_class = "Qwen2_5_VLProcessor"
    targets: dict[Modality, str] = {
        "vision": r"model\.visual\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.(?:gate|up|down)_proj)",
        "projector": r"model\.visual\.merger\.mlp\.[02]",
        "language": r"model\.language_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
    }

    def prepare_model(self, model: Any) -> Any:
        """Make its vision tower faster."""
        from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as stock

        speed_up_attention(model, stock.Qwen2_5_VLVisionAttention, stock.apply_rotary_pos_emb_vision)
        speed_up_patches(model, stock.Qwen2_5_VisionPatchEmbed)
        return model

    def _encode(self, processor: Any, items: Sequence[PromptItem], *, for_generation: bool) -> BatchInputs:
        # Through the processor one by one: each clip has its own seconds between frames.
        return NativeFamily._encode(self, processor, items, for_generation=for_generation)


FAMILY = Qwen25VL()
