"""What published Mobile-VideoGPT checkpoints look like, and how they become our model.

The names are those of our model, except for the level ``vision_model`` inside CLIP. Three things differ between
checkpoints, and all are opened: the head may be stored beside the embedding it is tied to; VideoMamba may carry its
training heads, which nothing uses; and the image tower may be missing, because the model's own code takes CLIP from the
hub. ``parameters_*.txt`` list the names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vidtune.core.durable import read_json
from vidtune.core.errors import ModelMismatch, ModelUnavailable
from vidtune.models._checkpoint_map import KeyMap, MappedCheckpoint, read_safetensors
from vidtune.models._source import find_checkpoint
from vidtune.models._visual_embeds import num_layers_read
from vidtune.models.families.mobile_videogpt.configuration import PROJECTOR_TYPE, MobileVideoGptConfig
from vidtune.models.families.mobile_videogpt.modeling import MobileVideoGptForCausalLM
from vidtune.models.families.mobile_videogpt.processing import MobileVideoGptProcessor

IMAGE_TOWER_FOLDER = "image_vision_tower"
"""Inside a checkpoint folder: where CLIP may lie when the checkpoint is without it."""

PARAMETERS_FILES = {
    size: [Path(__file__).with_name(name) for name in ("parameters_towers.txt", f"parameters_{size}.txt")]
    for size in ("0.5b", "1.5b")
}
"""The written lists of the published names, by the size of the model."""

_IMAGE_TOWER = "model.image_vision_tower."

_CLIP_B16 = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "patch_size": 16,
    "image_size": 224,
}


def open_checkpoint(video_token_id: int) -> MappedCheckpoint:
    """Return what opens a checkpoint folder, with the placeholder that its tokenizer gives a clip."""

    def read(folder: Path) -> MobileVideoGptConfig:
        config = read_config(folder)
        config.video_token_id = video_token_id
        return config

    return MappedCheckpoint(MobileVideoGptForCausalLM, key_map, read, read_tensors)


def key_map(config: MobileVideoGptConfig) -> KeyMap:
    """Return the map from published names to ours."""
    num_layers: int = config.image_tower_config.num_hidden_layers
    num_read = num_layers_read(num_layers, config.mm_vision_select_layer)
    behind = "|".join(str(layer) for layer in range(num_read, num_layers)) or "(?!)"
    image = r"model\.image_vision_tower\.vision_tower\.(?:vision_model\.)?"
    video = r"model\.vision_tower\.(?:vision_encoder\.)?"
    return KeyMap(
        renames=(
            (image + "(.+)", r"model.image_vision_tower.vision_tower.\1"),
            (video + "(.+)", r"model.vision_tower.vision_encoder.\1"),
        ),
        unused=(
            rf"{image}encoder\.layers\.(?:{behind})\..+",
            rf"{image}post_layernorm\..+",
            rf"{image}embeddings\.position_ids",
            rf"{video}(?:clip_decoder|pool_norm)\..+",
            r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq",
        ),
    )


def read_config(folder: Path) -> MobileVideoGptConfig:
    """Return the config of a checkpoint folder.

    Raises:
        ModelMismatch: If a projector or the video tower is of another kind than the model's.
    """
    root = dict(read_json(folder / "config.json"))
    for key in ("mm_projector_type", "image_mm_projector_type"):
        if root.get(key, PROJECTOR_TYPE) != PROJECTOR_TYPE:
            raise ModelMismatch(
                f"{key} of {folder} is {root[key]!r}, expected {PROJECTOR_TYPE!r}.",
                "Give a checkpoint with the efficient token projector: the published ones have it.",
            )
    if "VideoMamba" not in str(root.get("mm_vision_tower", "VideoMamba")):
        raise ModelMismatch(
            f"the video tower of {folder} is {root['mm_vision_tower']!r}, expected a VideoMamba.",
            "Give a checkpoint whose video tower is VideoMamba-M: the published ones are.",
        )
    root.setdefault("image_tower_config", _CLIP_B16)
    root["rope_scaling"] = None  # as the model's own code does, whatever the language model's config said
    config: MobileVideoGptConfig = MobileVideoGptConfig.from_dict(root)
    return config


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Return all weights of a checkpoint folder, with an image tower from elsewhere where it has none."""
    tensors = read_safetensors(folder)
    if not any(key.startswith(_IMAGE_TOWER) for key in tensors):
        for key, tensor in read_safetensors(_find_image_tower(folder)).items():
            if key.startswith("vision_model."):
                tensors[f"{_IMAGE_TOWER}vision_tower.{key}"] = tensor
    return tensors


class ProcessorReader:
    """Takes the place of the processor's class in ``load_processor``: opens folders of either kind."""

    @staticmethod
    def from_pretrained(folder: Path, **options: Any) -> MobileVideoGptProcessor:
        """Return the processor of a checkpoint folder."""
        return read_processor(folder, **options)


def read_processor(folder: Path, **options: Any) -> MobileVideoGptProcessor:
    """Return the processor of a checkpoint folder."""
    from transformers import AutoTokenizer, CLIPImageProcessor

    if (folder / "processor_config.json").is_file():
        processor: MobileVideoGptProcessor = MobileVideoGptProcessor.from_pretrained(folder, **options)
        return processor
    config = read_config(folder)
    image_size: int = config.image_tower_config.image_size
    side = {"height": image_size, "width": image_size}
    return MobileVideoGptProcessor(
        CLIPImageProcessor(size={"shortest_edge": image_size}, crop_size=side),
        AutoTokenizer.from_pretrained(folder, **options),
        frames_per_group=config.frames_per_group,
        tokens_per_group=config.tokens_per_group,
        video_size=config.video_tower_config.image_size,
    )


def _find_image_tower(folder: Path) -> Path:
    if (folder / IMAGE_TOWER_FOLDER).is_dir():
        return folder / IMAGE_TOWER_FOLDER
    name = read_config(folder).image_mm_vision_tower
    try:
        return find_checkpoint(name).folder
    except (ModelUnavailable, ModelMismatch) as exc:
        raise ModelUnavailable(
            f"{folder} has no weights of its image tower, and {name} cannot be had: {exc.problem}",
            f"Put the safetensors of {name} into {folder / IMAGE_TOWER_FOLDER}.",
        ) from exc
