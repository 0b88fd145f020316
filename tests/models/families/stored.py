"""Change a written checkpoint: other names of weights, more weights, the processor in several files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def restore(
    folder: Path,
    copy: Path,
    *,
    rename: Callable[[str], str] = lambda name: name,
    add: Mapping[str, torch.Tensor] | None = None,
) -> Path:
    """Copy a checkpoint folder, its weights under other names and some more beside them; return the copy."""
    shutil.copytree(folder, copy)
    file = copy / "model.safetensors"
    tensors = {rename(name): tensor for name, tensor in load_file(file).items()}
    save_file({**tensors, **(add or {})}, file, metadata={"format": "pt"})
    return copy


def split_processor_files(folder: Path, *, has_video_file: bool) -> None:
    """Write a processor's settings as checkpoints of 2024 and 2025 have them: one file for each of its parts.

    Sound and images share a file, and class names end in "Fast". The oldest have none for clips, and mean the one for
    images.
    """
    settings = json.loads((folder / "processor_config.json").read_text())
    parts = {name: settings.pop(name, None) for name in ("image_processor", "feature_extractor", "video_processor")}
    image = {**(parts["feature_extractor"] or {}), **parts["image_processor"]}
    if "video_sampling" in (parts["video_processor"] or {}):
        image["video_sampling"] = parts["video_processor"]["video_sampling"]
    image["image_processor_type"] = f"{image['image_processor_type']}Fast"
    image["processor_class"] = settings["processor_class"]
    (folder / "preprocessor_config.json").write_text(json.dumps(image))
    if parts["video_processor"] is not None and has_video_file:
        (folder / "video_preprocessor_config.json").write_text(json.dumps(parts["video_processor"]))
    (folder / "processor_config.json").write_text(json.dumps(settings))
