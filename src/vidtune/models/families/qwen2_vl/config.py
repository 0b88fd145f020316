"""The names and limits of Qwen2-VL checkpoints."""

from __future__ import annotations

from vidtune.models._family import FramePolicy, Modality

MODEL_TYPE = "qwen2_vl"

VIDEO_PLACEHOLDER = "<|video_pad|>"
"""The template writes one for a clip; the prompt carries one for every merged patch."""

END_TOKENS = ("<|im_end|>", "<|endoftext|>")

FRAME_POLICY = FramePolicy(num_frames=8, multiple=2, is_divisible=True)

TOWERS: dict[Modality, str] = {
    "projector": r"(?:^|\.)visual\.merger(?:\.|$)",
    "vision": r"(?:^|\.)visual(?:\.|$)",
    "language": r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)",
}

LINEAR_TARGETS: dict[Modality, str] = {
    "vision": r"model\.visual\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.fc[12])",
    "projector": r"model\.visual\.merger\.mlp\.[02]",
    "language": r"model\.language_model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)",
}
"""Whole module names, from the model's root: a q_proj of another tower can never be hit."""

KEPT_WHEN_QUANTIZED = ("model.visual", "lm_head")
"""Modules that stay in their number format when the model is stored in 4 or 8 bit: the vision tower is small and
suffers most, and the head may share its weights with the embedding."""

MAX_ASPECT_RATIO = 200
"""The processor refuses frames that are longer than this times their shorter side."""
