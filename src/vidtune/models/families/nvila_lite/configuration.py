"""The config of NVILA-Lite: a SigLIP tower, a down-sampling projector and a Qwen2 language model."""

from __future__ import annotations

from typing import Any

import transformers

PROJECTOR_TYPE = "mlp_downsample_3x3_fix"

# Half of transformers is typed; as Any its classes can be built on without a remark on every line.
PreTrainedConfig: Any = transformers.PreTrainedConfig


class NvilaLiteConfig(PreTrainedConfig):  # type: ignore[misc]
    """What config.json holds; the names are those of the published checkpoints."""

    model_type = "nvila_lite"
    sub_configs_defaults = {"text_config": transformers.Qwen2Config, "vision_config": transformers.SiglipVisionConfig}

    text_config: Any = None
    vision_config: Any = None
    image_token_id: int = 151649
    video_token_id: int = 151650
    """The placeholder of a clip. Given by the tokenizer when a checkpoint is opened; never embedded."""

    mm_projector_type: str = PROJECTOR_TYPE
    mm_vision_select_layer: int = -2
    """Which hidden state of the tower is read, counted from its end."""

    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        # The language model is tied or not as its own part says; saying it twice could only contradict.
        self.tie_word_embeddings = bool(self.text_config.tie_word_embeddings)
