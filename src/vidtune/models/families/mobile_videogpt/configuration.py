"""The config of Mobile-VideoGPT: that of its Qwen2, with the parts for its two towers and two projectors."""

from __future__ import annotations

from typing import Any

import transformers

PROJECTOR_TYPE = "etp"

# Half of transformers is typed; as Any its classes can be built on without a remark on every line.
PreTrainedConfig: Any = transformers.PreTrainedConfig
Qwen2Config: Any = transformers.Qwen2Config


class VideoMambaConfig(PreTrainedConfig):  # type: ignore[misc]
    """The video tower; the defaults are VideoMamba-M for eight frames."""

    model_type = "videomamba"

    image_size: int = 224
    patch_size: int = 16
    tubelet_size: int = 1
    num_channels: int = 3
    num_frames: int = 8
    num_hidden_layers: int = 32
    hidden_size: int = 576
    state_size: int = 16
    conv_kernel: int = 4
    expand: int = 2
    time_step_rank: int = 36
    norm_epsilon: float = 1e-5


class MobileVideoGptConfig(Qwen2Config):  # type: ignore[misc]
    """What config.json holds; the names that published checkpoints have are theirs, the two parts are ours."""

    model_type = "MobileVideoGPT_qwen"
    sub_configs_defaults = {"video_tower_config": VideoMambaConfig, "image_tower_config": transformers.CLIPVisionConfig}

    video_tower_config: Any = None
    image_tower_config: Any = None
    mm_vision_tower: str = "OpenGVLab/VideoMamba/videomamba_m16_25M_f8_res224.pth"
    image_mm_vision_tower: str = "openai/clip-vit-base-patch16"
    mm_projector_type: str = PROJECTOR_TYPE
    image_mm_projector_type: str = PROJECTOR_TYPE
    mm_vision_select_layer: int = -2
    """Which hidden state of the image tower is read, counted from its end."""

    num_select_k_frames_in_chunk: int = 4
    topk: bool = True
    """Whether the selected frames are those with the highest scores."""

    chunk_size: int = 8
    """Frames of which ``num_select_k_frames_in_chunk`` are selected."""

    image_side: int = 12
    """Tokens on each side of a frame."""

    video_side: int = 7
    """Tokens on each side of a chunk, and of a selected frame before the projector."""

    video_token_id: int = 151656
    """The placeholder of a clip. Given by the tokenizer when a checkpoint is opened; never embedded."""

    @property
    def chunks_per_group(self) -> int:
        """Chunks whose selected frames the video tower sees together."""
        return int(self.video_tower_config.num_frames) // self.num_select_k_frames_in_chunk

    @property
    def frames_per_group(self) -> int:
        """Frames that are read together: 16."""
        return self.chunk_size * self.chunks_per_group

    @property
    def tokens_per_group(self) -> int:
        """Visual tokens of so many frames: 2,402."""
        return self.frames_per_group * self.image_side**2 + self.chunks_per_group * self.video_side**2
