"""The weights themselves are trained: of all towers, or of those named. What is saved is a whole model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from vidtune.adapters._kind import Modality, Towers
from vidtune.config import Config
from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import BadUsage, ModelMismatch

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig


_BLOCK_LIST = re.compile(r"(?:^|\.)(?:layers?|blocks|h)$")
"""What lists of blocks are called in transformers and timm."""

_TRAINABLE_FILE = "trainable_parameters.json"
"""Names of what is trained, so that training can go on with the same towers."""


class FullOptions(Config):
    """Settings of full alone."""

    last_blocks: Annotated[int, Field(ge=1)] | None = None
    """Train only the last so many blocks of each tower; a tower without blocks, as a projector, is trained whole."""


class _Full:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"modalities"})
    default_modalities: tuple[Modality, ...] = ("vision", "projector", "language")
    options_class: type[Config] = FullOptions

    def quantization_config(self, config: AdapterConfig, device: str) -> None:
        return None

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        last_blocks = config.options["last_blocks"]
        if set(config.modalities) == set(towers.linear_targets) and last_blocks is None:
            return model.requires_grad_(True)
        if towers.modality_of is None:
            raise BadUsage(
                "training some towers whole needs modality_of.", "Pass family.modality_of to attach_adapter."
            )
        wanted: dict[str, tuple[str, ...] | None] = {
            modality: _last_blocks(model, modality, towers.modality_of, last_blocks)
            if last_blocks is not None
            else None
            for modality in config.modalities
        }
        for name, parameter in model.named_parameters():
            modality = towers.modality_of(name)
            prefixes = wanted.get(modality)
            parameter.requires_grad_(modality in wanted and (prefixes is None or name.startswith(prefixes)))
        return model

    def save(self, model: Any, folder: Path) -> None:
        model.save_pretrained(folder)
        names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        write_json(folder / _TRAINABLE_FILE, names)

    def whole_model_file(self) -> str:
        return "config.json"

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        from safetensors import SafetensorError

        # Through from_pretrained, which knows the key layouts of every version, and then into the given object.
        try:
            tuned, info = type(model).from_pretrained(
                folder, dtype=model.dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
            wrong = sorted({*info["missing_keys"], *info["unexpected_keys"]})
            if wrong:
                raise ValueError(f"{len(wrong)} keys missing or unexpected: {', '.join(wrong[:6])}")
            model.load_state_dict(tuned.state_dict())
        except (OSError, RuntimeError, ValueError, SafetensorError) as exc:
            raise ModelMismatch(
                f"the weights in {folder} do not fit {type(model).__name__}: {' '.join(str(exc).split())[:300]}.",
                "Use another checkpoint, or the base it was trained from.",
            ) from exc
        names = set(read_json(folder / _TRAINABLE_FILE)) if trainable else set()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in names)
        return model

    def merge(self, model: Any) -> Any:
        return model


def _last_blocks(
    model: Any, modality: str, modality_of: Callable[[str], str], num_blocks: int
) -> tuple[str, ...] | None:
    """Return the beginnings of the names of a tower's last blocks; None for a tower without blocks.

    The blocks of a tower are its largest list of modules that belongs to it alone.

    Raises:
        BadUsage: If there are fewer than ``num_blocks``.
    """
    import torch

    largest, size, found = "", 0, 0
    for path, module in model.named_modules():
        names = [f"{path}.{name}" for name, _ in module.named_parameters()]
        if isinstance(module, (torch.nn.ModuleList, torch.nn.Sequential)) and _BLOCK_LIST.search(path) and names:
            num = sum(parameter.numel() for parameter in module.parameters())
            if num > size and all(modality_of(name) == modality for name in names):
                largest, size, found = path, num, len(module)
    if not largest:
        return None
    if num_blocks > found:
        raise BadUsage(
            f"last_blocks={num_blocks}, but the {modality} tower has {found}.", "Lower it, or leave it out for all."
        )
    return tuple(f"{largest}.{index}." for index in range(found - num_blocks, found))


KIND = _Full()
