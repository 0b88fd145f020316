"""Checkpoints as their authors published them (DAMO-NLP-SG/VideoLLaMA3-2B and -7B), without the code they come with.

Their config.json says ``videollama3_qwen2`` and keeps the language model's settings at its top; their weights have
other names, and their processor is code of theirs. All of it is expressed in the classes of transformers here.
Source: the authors' ``modeling_videollama3.py`` and ``processing_videollama3.py`` (Apache-2.0), read as facts.

What is not the same: the authors' processor rounds a clip's number of tokens up before it compares it with the limit,
transformers compares pixels, so a clip at the limit can get a slightly different size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidtune.core.durable import read_json
from vidtune.core.errors import ModelMismatch, ModelUnavailable

MODEL_TYPE = "videollama3_qwen2"

KEY_MAPPING = (
    (r"^model\.vision_encoder\.", "model.vision_model."),
    (r"^model\.mm_projector\.", "model.projector."),
    (r"^model\.embed_tokens\.", "model.language_model.embed_tokens."),
    (r"^model\.layers\.", "model.language_model.layers."),
    (r"^model\.norm\.", "model.language_model.norm."),
)
"""From the names in the authors' files to those of transformers; ``lm_head`` stays."""

_VISION_SETTINGS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_channels",
    "patch_size",
    "hidden_act",
    "layer_norm_eps",
    "attention_dropout",
)

_IMAGE_PLACEHOLDER = "<|image_pad|>"
_VIDEO_PLACEHOLDER = "<|video_pad|>"
_MERGE_SIZE = 2
_MIN_TOKENS = 16
_MAX_TOKENS = 16384

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'video' %}<|video_pad|>\n"
    "{% elif content['type'] == 'image' %}<|image_pad|>\n"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Writes what the authors' template writes; theirs spells out every frame, which the processor does here."""


def is_original(folder: Path) -> bool:
    """Whether the checkpoint in ``folder`` is in its authors' layout."""
    config = read_json(folder / "config.json")
    return isinstance(config, dict) and config.get("model_type") == MODEL_TYPE


def build_config(folder: Path) -> Any:
    """Return the configuration in transformers' terms.

    Raises:
        ModelMismatch: If the checkpoint has parts that transformers' class has not.
    """
    from transformers import VideoLlama3Config

    config = read_json(folder / "config.json")
    vision = config.get("vision_encoder_config") or {}
    projector = config.get("mm_projector_type", "mlp2x_gelu")
    if not vision or projector != "mlp2x_gelu":
        found = f"the projector {projector!r}" if vision else "no vision_encoder_config"
        raise ModelMismatch(f"{folder}/config.json has {found}, expected a vision tower and mlp2x_gelu.")
    vocabulary = _load_tokenizer(folder).get_vocab()
    ours = ("model_type", "vision_encoder", "vision_encoder_config", "mm_projector_type", "auto_map", "architectures")
    text = {name: value for name, value in config.items() if name not in ours and value is not None}
    return VideoLlama3Config(
        text_config={**text, "model_type": "qwen2"},
        vision_config={name: vision[name] for name in _VISION_SETTINGS if name in vision},
        image_token_id=vocabulary[_IMAGE_PLACEHOLDER],
        video_token_id=vocabulary[_VIDEO_PLACEHOLDER],
        tie_word_embeddings=bool(config.get("tie_word_embeddings", False)),
    )


def build_processor(folder: Path) -> Any:
    """Return transformers' processor with the settings of the authors' one.

    Raises:
        ModelUnavailable: If the tokenizer is missing or damaged, or lacks the placeholders.
    """
    from transformers import VideoLlama3ImageProcessor, VideoLlama3Processor, VideoLlama3VideoProcessor

    settings_path = folder / "preprocessor_config.json"
    settings = read_json(settings_path) if settings_path.is_file() else {}
    patch_size = int(settings.get("patch_size", 14))
    shared = {name: settings[name] for name in ("image_mean", "image_std") if name in settings}

    def size(merge_size: int) -> dict[str, int]:
        pixels_per_token = (patch_size * merge_size) ** 2
        return {
            "shortest_edge": int(settings.get("min_tokens", _MIN_TOKENS)) * pixels_per_token,
            "longest_edge": int(settings.get("max_tokens", _MAX_TOKENS)) * pixels_per_token,
        }

    config = read_json(folder / "config.json")
    return VideoLlama3Processor(  # type: ignore[no-untyped-call]
        image_processor=VideoLlama3ImageProcessor(size=size(1), patch_size=patch_size, merge_size=1, **shared),
        tokenizer=_load_tokenizer(folder),
        video_processor=VideoLlama3VideoProcessor(
            size=size(_MERGE_SIZE),
            patch_size=patch_size,
            merge_size=_MERGE_SIZE,
            use_token_compression=bool(config.get("use_token_compression", True)),
            **shared,
        ),
        chat_template=CHAT_TEMPLATE,
    )


def _load_tokenizer(folder: Path) -> Any:
    from transformers import PreTrainedTokenizerFast

    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as exc:
        raise ModelUnavailable(
            f"{folder} has no usable tokenizer: {' '.join(str(exc).split())[:300]}.",
            "Copy tokenizer.json and tokenizer_config.json beside the weights.",
        ) from exc
    missing = [token for token in (_IMAGE_PLACEHOLDER, _VIDEO_PLACEHOLDER) if token not in tokenizer.get_vocab()]
    if missing:
        raise ModelUnavailable(
            f"the tokenizer in {folder} does not know {' and '.join(missing)}.", "Fetch or copy the folder again."
        )
    return tokenizer
