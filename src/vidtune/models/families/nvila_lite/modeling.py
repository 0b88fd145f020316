"""NVILA-Lite as a model of transformers: its SigLIP tower and Qwen2 with our projector between them.

The names of the weights are those of the published checkpoints (``vision_tower``, ``mm_projector``, ``llm``).
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers.modeling_outputs import CausalLMOutputWithPast

from vidtune.models._visual_embeds import embed_tokens, num_layers_read, place_features
from vidtune.models.families.nvila_lite.configuration import NvilaLiteConfig
from vidtune.models.families.nvila_lite.projector import DownSampleProjector

# Half of transformers is typed; as Any its classes can be built on without a remark on every line.
PreTrainedModel: Any = transformers.PreTrainedModel
GenerationMixin: Any = transformers.GenerationMixin
Qwen2ForCausalLM: Any = transformers.Qwen2ForCausalLM
SiglipVisionModel: Any = transformers.SiglipVisionModel


class NvilaLiteForConditionalGeneration(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """A language model that reads clips: each frame becomes 121 tokens at 448 x 448 pixels.

    The tower ends at the layer that is read (the last but one), so there is no weight that no loss ever reaches; the
    layers behind it may be in a checkpoint and are left there.
    """

    config_class = NvilaLiteConfig
    base_model_prefix = "llm"
    main_input_name = "input_ids"
    input_modalities = ("video", "text")
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _skip_keys_device_placement = ["past_key_values"]
    _no_split_modules = ["Qwen2DecoderLayer", "SiglipEncoderLayer"]

    def __init__(self, config: NvilaLiteConfig) -> None:
        super().__init__(config)
        self.vision_tower = _tower(config)
        self.mm_projector = DownSampleProjector(config.vision_config.hidden_size, config.text_config.hidden_size)
        self.llm = Qwen2ForCausalLM(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> torch.nn.Module:
        """Return the embedding of text tokens."""
        embedding: torch.nn.Module = self.llm.get_input_embeddings()
        return embedding

    def set_input_embeddings(self, value: torch.nn.Module) -> None:
        """Replace the embedding of text tokens."""
        self.llm.set_input_embeddings(value)

    def get_output_embeddings(self) -> torch.nn.Module:
        """Return the head."""
        head: torch.nn.Module = self.llm.get_output_embeddings()
        return head

    def set_output_embeddings(self, value: torch.nn.Module) -> None:
        """Replace the head."""
        self.llm.set_output_embeddings(value)

    def get_video_features(self, pixel_values_videos: torch.Tensor) -> torch.Tensor:
        """Return the tokens of frames (frames, 3, height, width): (frames, tokens of a frame, hidden size)."""
        dtype = self.vision_tower.embeddings.patch_embedding.weight.dtype
        features = self.vision_tower(pixel_values_videos.to(dtype)).last_hidden_state
        tokens: torch.Tensor = self.mm_projector(features)
        return tokens

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any | None = None,
        inputs_embeds: torch.Tensor | None = None,
        pixel_values_videos: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Return logits, and the loss where there are labels.

        Args:
            input_ids: (batch, tokens), with ``video_token_id`` in the place of every visual token.
            attention_mask: (batch, tokens), 0 where there is padding.
            position_ids: As Qwen2 takes them.
            past_key_values: The cache.
            inputs_embeds: In place of ``input_ids``, for prompts without pixels.
            pixel_values_videos: (frames of all rows, 3, height, width), row after row.
            labels: (batch, tokens), -100 where nothing is taught.
            use_cache: Return the cache.
            logits_to_keep: How many of the last tokens get logits; 0 for all.
            kwargs: Passed on to the language model.
        """
        if inputs_embeds is None:
            if input_ids is None:
                raise ValueError("the model needs input_ids or inputs_embeds, found neither.")
            inputs_embeds = embed_tokens(self.get_input_embeddings(), input_ids, self.config.video_token_id)
            if pixel_values_videos is not None:
                features_nh = self.get_video_features(pixel_values_videos).flatten(0, 1)
                inputs_embeds = place_features(inputs_embeds, input_ids == self.config.video_token_id, features_nh)
        output: CausalLMOutputWithPast = self.llm(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            labels=labels,
            use_cache=use_cache,
            logits_to_keep=logits_to_keep,
            **kwargs,
        )
        return output


def _tower(config: NvilaLiteConfig) -> Any:
    """Return the SigLIP tower up to the layer that is read, without the norm and the pooling behind it."""
    part = type(config.vision_config).from_dict(config.vision_config.to_dict())
    part.num_hidden_layers = num_layers_read(config.vision_config.num_hidden_layers, config.mm_vision_select_layer)
    part.vision_use_head = False
    part._attn_implementation = config.vision_config._attn_implementation
    tower = SiglipVisionModel(part)
    tower.post_layernorm = torch.nn.Identity()
    return tower
