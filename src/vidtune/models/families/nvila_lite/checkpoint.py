"""What published NVILA-Lite checkpoints look like, and how they become our model.

Two layouts are known. **Folders**: ``llm/``, ``mm_projector/`` and ``vision_tower/``, each a checkpoint of its own with
a config.json, and a config.json above them. **Flat**: one set of safetensors with the names ``llm.*``,
``mm_projector.*`` and ``vision_tower.*``. What our model saves is flat too, without the level ``vision_model`` and
without the weights that nothing uses. ``parameters.txt`` lists the published names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vidtune.core.durable import read_json
from vidtune.core.errors import ModelMismatch, ModelUnavailable
from vidtune.models._checkpoint_map import KeyMap, MappedCheckpoint, read_safetensors
from vidtune.models._visual_embeds import num_layers_read
from vidtune.models.families.nvila_lite.configuration import PROJECTOR_TYPE, NvilaLiteConfig
from vidtune.models.families.nvila_lite.modeling import NvilaLiteForConditionalGeneration
from vidtune.models.families.nvila_lite.processing import NvilaLiteProcessor

PARTS = ("llm", "mm_projector", "vision_tower")

PARAMETERS_FILE = Path(__file__).with_name("parameters.txt")


def open_checkpoint(video_token_id: int) -> MappedCheckpoint:
    """Return what opens a checkpoint folder, with the placeholder that its tokenizer gives a clip."""

    def read(folder: Path) -> NvilaLiteConfig:
        config = read_config(folder)
        config.video_token_id = video_token_id
        return config

    return MappedCheckpoint(NvilaLiteForConditionalGeneration, key_map, read, read_tensors)


def key_map(config: NvilaLiteConfig) -> KeyMap:
    """Return the map from published names to ours."""
    num_layers = config.vision_config.num_hidden_layers
    num_read = num_layers_read(num_layers, config.mm_vision_select_layer)
    behind = "|".join(str(layer) for layer in range(num_read, num_layers)) or "(?!)"
    tower = r"vision_tower\.(?:vision_tower\.)?(?:vision_model\.)?"
    return KeyMap(
        renames=((tower + "(.+)", r"vision_tower.\1"),),
        unused=(
            rf"{tower}encoder\.layers\.(?:{behind})\..+",
            rf"{tower}(?:post_layernorm|head)\..+",
            rf"{tower}embeddings\.position_ids",
            r"llm\.model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq",
        ),
    )


def read_config(folder: Path) -> NvilaLiteConfig:
    """Return the config of a checkpoint folder in either layout.

    Raises:
        ModelMismatch: If its projector is another than NVILA-Lite's, or a part of it is of another architecture.
        ModelUnavailable: If a part has no config.
    """
    root = read_json(folder / "config.json")
    text = _part(folder, root, "llm", ("text_config", "llm_cfg"))
    vision = _part(folder, root, "vision_tower", ("vision_config", "vision_tower_cfg"))
    projector = _projector_type(folder, root)
    for what, found, wanted in (
        ("projector", projector, PROJECTOR_TYPE),
        ("language model", text.get("model_type", "qwen2"), "qwen2"),
        ("vision tower", vision.get("model_type", "siglip_vision_model"), "siglip_vision_model"),
    ):
        if found != wanted:
            raise ModelMismatch(
                f"the {what} of {folder} is {found!r}, expected {wanted!r}: it is no NVILA-Lite.",
                "Give an NVILA-Lite checkpoint, such as Efficient-Large-Model/NVILA-Lite-2B.",
            )
    known = {
        name: root[name]
        for name in ("image_token_id", "mm_vision_select_layer", "quantization_config", "dtype", "torch_dtype")
        if root.get(name) is not None
    }
    return NvilaLiteConfig(text_config=text, vision_config=vision, mm_projector_type=projector, **known)


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Return all weights of a checkpoint folder by their flat names."""
    if any(folder.glob("*.safetensors")):
        return read_safetensors(folder)
    return {key: tensor for part in PARTS for key, tensor in read_safetensors(folder / part, f"{part}.").items()}


class ProcessorReader:
    """Takes the place of the processor's class in ``load_processor``: opens folders of either kind."""

    @staticmethod
    def from_pretrained(folder: Path, **options: Any) -> NvilaLiteProcessor:
        """Return the processor of a checkpoint folder."""
        return read_processor(folder, **options)


def read_processor(folder: Path, **options: Any) -> NvilaLiteProcessor:
    """Return the processor of a checkpoint folder, with our chat template where it has none for clips."""
    from transformers import AutoTokenizer, SiglipImageProcessor

    config = read_config(folder)  # first, because it refuses other kinds of VILA by name
    if (folder / "processor_config.json").is_file() and (folder / "tokenizer_config.json").is_file():
        saved = read_json(folder / "processor_config.json")
        if saved.get("processor_class") == NvilaLiteProcessor.__name__:
            processor: NvilaLiteProcessor = NvilaLiteProcessor.from_pretrained(folder, **options)
            return processor
    pictures = next(
        (at for at in (folder, folder / "vision_tower") if (at / "preprocessor_config.json").is_file()), None
    )
    vision: Any = config.vision_config
    size = {"height": vision.image_size, "width": vision.image_size}
    image_processor = (
        SiglipImageProcessor.from_pretrained(pictures, **options) if pictures else SiglipImageProcessor(size=size)
    )
    words = folder if (folder / "tokenizer_config.json").is_file() else folder / "llm"
    tokenizer = AutoTokenizer.from_pretrained(words, **options)
    return NvilaLiteProcessor(image_processor, tokenizer, chat_template=_template(folder), patch_size=vision.patch_size)


def _part(folder: Path, root: dict[str, Any], name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the config of a part: from its own folder, or from the config above."""
    if (folder / name / "config.json").is_file():
        return dict(read_json(folder / name / "config.json"))
    for key in keys:
        if isinstance(root.get(key), dict) and "hidden_size" in root[key]:
            return dict(root[key])
    raise ModelUnavailable(
        f"{folder} says nothing about its {name}: there is no {name}/config.json, and no {' or '.join(keys)} in "
        "config.json.",
        "Fetch or copy the folder again, with its subfolders.",
    )


def _projector_type(folder: Path, root: dict[str, Any]) -> str:
    own = folder / "mm_projector" / "config.json"
    said = read_json(own).get("mm_projector_type") if own.is_file() else None
    inside = root.get("mm_projector_cfg")
    said = said or (inside.get("mm_projector_type") if isinstance(inside, dict) else None)
    return str(said or root.get("mm_projector_type") or PROJECTOR_TYPE)


def _template(folder: Path) -> str | None:
    """Return the checkpoint's own chat template if it is one for clips: that of a bare language model is not."""
    for name in ("chat_template.jinja", "chat_template.json"):
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8")
            template = read_json(folder / name).get("chat_template") if name.endswith(".json") else text
            if isinstance(template, str) and "video" in template:
                return template
    return None
