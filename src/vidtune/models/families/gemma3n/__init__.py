"""Gemma 3n: MobileNet-V5 (of timm), a USM conformer for sound, and a nested language model. Frames go in as images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.models._extras import require_package
from vidtune.models._family import FramePolicy, SoundPolicy
from vidtune.models._native import NativeFamily
from vidtune.models.families.gemma3n.sound import most_samples, padded_to

if TYPE_CHECKING:
    from vidtune.media import FrameSet

__all__ = ["FAMILY", "Gemma3n"]


class Gemma3n(NativeFamily):
    """See ``Family`` and ``NativeFamily`` for what each of these is."""

    name = "gemma3n"
    model_types = ("gemma3n",)
    frame_policy = FramePolicy(num_frames=8, frames_as="images")
    model_class = "Gemma3nForConditionalGeneration"
    processor_class = "Gemma3nProcessor"
    towers = {
        "audio": r"(?:^|\.)(?:audio_tower|embed_audio)(?:\.|$)",
        "projector": r"(?:^|\.)embed_vision(?:\.|$)",
        "vision": r"(?:^|\.)vision_tower(?:\.|$)",
        "language": r"(?:^|\.)(?:language_model|lm_head)(?:\.|$)",
    }
    targets = {
        # The vision tower is a convolutional network. Its pointwise convolutions are its linear layers: the same
        # matrix for every pixel.
        "vision": r"model\.vision_tower\.timm_model\.(?:blocks\.\d+\.\d+\.(?:attn\.(?:query|key|value|output)\.proj"
        r"|pw_(?:exp|proj)\.conv)|msfa\.ffn\.pw_(?:exp|proj)\.conv)",
        "projector": r"model\.embed_vision\.embedding_projection",
        # Not the AltUp coefficients: matrices of a few numbers that training clips in place.
        "language": r"model\.language_model\.layers\.\d+\."
        r"(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj|laurel\.linear_(?:left|right)"
        r"|per_layer_(?:input_gate|projection))",
        "audio": r"model\.(?:embed_audio\.embedding_projection|audio_tower\.(?:"
        r"subsample_conv_projection\.input_proj_linear|conformer\.\d+\.(?:ffw_layer_(?:start|end)\.ffw_layer_[12]"
        r"|attention\.(?:attn\.[qkv]_proj|post)|lconv1d\.linear_(?:start|end))))",
    }
    kept_when_quantized = (
        "model.vision_tower",
        "model.audio_tower",
        "model.embed_vision",
        "model.embed_audio",
        r"model\.language_model\.layers\.\d+\.altup",
        "lm_head",
    )
    end_tokens = ("<end_of_turn>", "<eos>")
    type_ids_name = "token_type_ids"

    def load_processor(self, folder: Path) -> Any:
        """Return the processor of a checkpoint folder."""
        require_package("timm", family=self.name, purpose="its vision tower, MobileNet-V5")
        return super().load_processor(folder)

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes: every frame is squeezed into one square, whatever its size."""
        return int(num_frames * processor.image_seq_length)

    def sound_policy(self, processor: Any) -> SoundPolicy | None:
        """Return what its audio tower takes: half a minute at 16 kHz in the published checkpoints."""
        rate_hz = int(processor.feature_extractor.sampling_rate)
        return SoundPolicy(rate_hz, most_samples(processor) / rate_hz)

    def count_sound_tokens(self, duration_s: float, processor: Any) -> int:
        """Return how many tokens sound takes in the prompt: as many as the longest, whatever its length."""
        return int(processor.audio_seq_length) if duration_s > 0 else 0

    def media_content(self, frames: FrameSet) -> list[dict[str, Any]]:
        """Return an image for every frame, and then what is heard with them."""
        return [*super().media_content(frames), *([{"type": "audio"}] * (frames.sound is not None))]

    def media_inputs(self, frames: FrameSet) -> dict[str, Any]:
        """Return frames and sound as the processor takes them."""
        heard = {} if frames.sound is None else {"audio": [frames.sound.waveform_n]}
        return {**super().media_inputs(frames), **heard}

    def call_arguments(self, processor: Any, frames: FrameSet) -> dict[str, Any]:
        """Return what else the processor is told."""
        heard = {} if frames.sound is None else {"audio_kwargs": padded_to(most_samples(processor))}
        return {**super().call_arguments(processor, frames), **heard}


FAMILY = Gemma3n()
