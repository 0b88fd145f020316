"""Mobile-VideoGPT as a model of transformers: Qwen2 that sees all frames through CLIP and some through VideoMamba.

Sixteen frames are a group. Each becomes 144 tokens through the image tower and its projector. In each chunk of eight
the four frames that draw the most attention are chosen; the eight chosen frames go through the video tower together and
become 49 tokens a chunk. A group is 16 x 144 + 2 x 49 = 2,402 tokens. The names of the weights are those of the
published checkpoints.

Suffix letters: ``g`` groups, ``t`` frames, ``n`` patches or tokens, ``d`` features, ``h`` hidden size.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import transformers
from torch import nn
from transformers import initialization as init
from transformers.modeling_outputs import CausalLMOutputWithPast

from vidtune.models._visual_embeds import embed_tokens, num_layers_read, place_features
from vidtune.models.families.mobile_videogpt.configuration import MobileVideoGptConfig
from vidtune.models.families.mobile_videogpt.frame_scoring import select_frames
from vidtune.models.families.mobile_videogpt.mixer import BiMambaMixer
from vidtune.models.families.mobile_videogpt.projector import TokenProjector
from vidtune.models.families.mobile_videogpt.video_tower import VideoMambaEncoder

# Half of transformers is typed; as Any its classes can be built on without a remark on every line.
Qwen2Model: Any = transformers.Qwen2Model
Qwen2ForCausalLM: Any = transformers.Qwen2ForCausalLM
CLIPVisionModel: Any = transformers.CLIPVisionModel

_SMALLEST_STEP, _LARGEST_STEP = 1e-3, 0.1
"""Between which a fresh mixer's step sizes lie."""


class _VideoTower(nn.Module):
    """The level of names that the checkpoints have around VideoMamba."""

    def __init__(self, config: MobileVideoGptConfig) -> None:
        super().__init__()
        self.vision_encoder = VideoMambaEncoder(config.video_tower_config)

    def forward(self, pixels_gtchw: torch.Tensor) -> torch.Tensor:
        """Return (groups, frames, patches, features)."""
        features: torch.Tensor = self.vision_encoder(pixels_gtchw)
        return features


class _ImageTower(nn.Module):
    """CLIP up to the layer that is read, under the level of names that the checkpoints have around it."""

    def __init__(self, config: MobileVideoGptConfig) -> None:
        super().__init__()
        whole = config.image_tower_config
        part = type(whole).from_dict(whole.to_dict())
        part.num_hidden_layers = num_layers_read(part.num_hidden_layers, config.mm_vision_select_layer)
        part._attn_implementation = whole._attn_implementation
        self.vision_tower = CLIPVisionModel(part)
        self.vision_tower.post_layernorm = nn.Identity()

    def forward(self, pixels_fchw: torch.Tensor) -> torch.Tensor:
        """Return (frames, patches, features); the class token is dropped."""
        features: torch.Tensor = self.vision_tower(pixels_fchw).last_hidden_state
        return features[:, 1:]


class MobileVideoGptModel(Qwen2Model):  # type: ignore[misc]
    """Qwen2 with both towers beside its layers."""

    config_class = MobileVideoGptConfig

    def __init__(self, config: MobileVideoGptConfig) -> None:
        super().__init__(config)
        hidden = config.hidden_size
        video_size: int = config.video_tower_config.hidden_size
        image_size: int = config.image_tower_config.hidden_size
        self.vision_tower = _VideoTower(config)
        self.image_vision_tower = _ImageTower(config)
        self.mm_projector = TokenProjector(video_size, hidden, config.video_side)
        self.image_mm_projector = TokenProjector(image_size, hidden, config.image_side)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        init_video_tower(module)

    def encode_groups(self, video_gtchw: torch.Tensor, context_gtchw: torch.Tensor) -> torch.Tensor:
        """Return the tokens of groups of frames: (groups, tokens of a group, hidden size).

        Args:
            video_gtchw: Frames as the video tower takes them.
            context_gtchw: The same frames as the image tower takes them.

        Raises:
            ValueError: If a group has another number of frames than the model reads together.
        """
        config = self.config
        num_groups, num_frames = context_gtchw.shape[:2]
        if num_frames != config.frames_per_group:
            raise ValueError(f"the model reads {config.frames_per_group} frames together, found {num_frames}.")
        features_fnd: torch.Tensor = self.image_vision_tower(context_gtchw.flatten(0, 1))
        features_gtnd = features_fnd.reshape(num_groups, num_frames, *features_fnd.shape[1:])
        chosen = self._choose(features_gtnd, video_gtchw)
        pooled_cnd = self._encode_chosen(chosen)
        images = self.image_mm_projector(features_fnd).reshape(num_groups, -1, config.hidden_size)
        videos = self.mm_projector(pooled_cnd).reshape(num_groups, -1, config.hidden_size)
        return torch.cat([images, videos], dim=1)

    def get_image_features(self, pixel_values_context: torch.Tensor) -> torch.Tensor:
        """Return what pictures become alone: the image tokens (groups, tokens, hidden size) of the first frames.

        A picture is a clip of one frame, which the processor fills up with blank ones.
        """
        tokens: torch.Tensor = self.image_mm_projector(self.image_vision_tower(pixel_values_context[:, 0]))
        return tokens

    def _choose(self, features_gtnd: torch.Tensor, video_gtchw: torch.Tensor) -> torch.Tensor:
        """Return the chosen frames of every group, in the order of time."""
        config = self.config
        chunks = features_gtnd.detach().reshape(-1, config.chunk_size, *features_gtnd.shape[2:])
        chosen = select_frames(chunks, config.num_select_k_frames_in_chunk, highest=config.topk)
        video_chunks = video_gtchw.reshape(-1, config.chunk_size, *video_gtchw.shape[2:])
        picked = video_chunks[torch.arange(len(chosen))[:, None], chosen.to(video_chunks.device)]
        return picked.reshape(len(video_gtchw), -1, *video_gtchw.shape[2:])

    def _encode_chosen(self, chosen_gtchw: torch.Tensor) -> torch.Tensor:
        """Return the video tower's features of every chunk: its frames pooled, one after the other."""
        features_fnd: torch.Tensor = self.vision_tower(chosen_gtchw).flatten(0, 1)
        num_frames, num_patches, size = features_fnd.shape
        side = math.isqrt(num_patches)
        grids = features_fnd.transpose(1, 2).reshape(num_frames, size, side, side)
        pooled_fnd = nn.functional.adaptive_avg_pool2d(grids, self.config.video_side).flatten(2).transpose(1, 2)
        num_chunks = num_frames // self.config.num_select_k_frames_in_chunk
        return pooled_fnd.reshape(num_chunks, -1, size)


class MobileVideoGptForCausalLM(Qwen2ForCausalLM):  # type: ignore[misc]
    """Qwen2 that answers questions about clips."""

    config_class = MobileVideoGptConfig
    input_modalities = ("video", "text")
    _no_split_modules = ["Qwen2DecoderLayer", "CLIPEncoderLayer", "MambaBlock"]

    def __init__(self, config: MobileVideoGptConfig) -> None:
        # Past Qwen2ForCausalLM's own, which would build a Qwen2Model first.
        super(Qwen2ForCausalLM, self).__init__(config)
        self.model = MobileVideoGptModel(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        init_video_tower(module)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any | None = None,
        inputs_embeds: torch.Tensor | None = None,
        pixel_values_videos: torch.Tensor | None = None,
        pixel_values_context: torch.Tensor | None = None,
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
            pixel_values_videos: (groups of all rows, frames of a group, 3, height, width), for the video tower.
            pixel_values_context: The same frames for the image tower.
            labels: (batch, tokens), -100 where nothing is taught.
            use_cache: Return the cache.
            logits_to_keep: How many of the last tokens get logits; 0 for all.
            kwargs: Passed on to the language model.
        """
        if inputs_embeds is None:
            if input_ids is None:
                raise ValueError("the model needs input_ids or inputs_embeds, found neither.")
            inputs_embeds = embed_tokens(self.get_input_embeddings(), input_ids, self.config.video_token_id)
            if pixel_values_videos is not None and pixel_values_context is not None:
                features_nh = self.model.encode_groups(pixel_values_videos, pixel_values_context).flatten(0, 1)
                inputs_embeds = place_features(inputs_embeds, input_ids == self.config.video_token_id, features_nh)
        output: CausalLMOutputWithPast = super().forward(
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

    def prepare_inputs_for_generation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the inputs of the next step of ``generate``; pixels go into the first one only."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(*args, **kwargs)
        if inputs.get("pixel_values_videos") is None:
            inputs.pop("pixel_values_context", None)
        return inputs


def init_video_tower(module: nn.Module) -> None:
    """Give a fresh mixer or video tower the values that training starts from."""
    if isinstance(module, VideoMambaEncoder):
        for parameter in (module.cls_token, module.pos_embed, module.temporal_pos_embedding):
            init.normal_(parameter, mean=0.0, std=0.02)
    if not isinstance(module, BiMambaMixer):
        return
    rates = torch.arange(1, module.state_size + 1, dtype=torch.float32).log()
    for a_log, d in ((module.A_log, module.D), (module.A_b_log, module.D_b)):
        init.copy_(a_log, rates.expand_as(a_log))
        init.ones_(d)
    for dt_proj in (module.dt_proj, module.dt_proj_b):
        bound = module.dt_rank**-0.5
        init.uniform_(dt_proj.weight, -bound, bound)
        low, high = math.log(_SMALLEST_STEP), math.log(_LARGEST_STEP)
        steps = torch.exp(torch.rand(dt_proj.bias.shape) * (high - low) + low)
        init.copy_(dt_proj.bias, steps + torch.log(-torch.expm1(-steps)))
