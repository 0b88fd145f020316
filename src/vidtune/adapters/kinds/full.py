"""The weights themselves are trained: of all towers, or of those named. What is saved is a whole model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.adapters._kind import Modality, Towers
from vidtune.config import Config
from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import BadUsage, ModelMismatch

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig


_TRAINABLE_FILE = "trainable_parameters.json"
"""Names of what is trained, so that training can go on with the same towers."""


class FullOptions(Config):
    """There is nothing to set."""


class _Full:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"modalities"})
    default_modalities: tuple[Modality, ...] = ("vision", "projector", "language")
    options_class: type[Config] = FullOptions

    def quantization_config(self, config: AdapterConfig, device: str) -> None:
        return None

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        if set(config.modalities) == set(towers.linear_targets):
            return model.requires_grad_(True)
        if towers.modality_of is None:
            raise BadUsage(
                "training some towers whole needs modality_of.", "Pass family.modality_of to attach_adapter."
            )
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(towers.modality_of(name) in config.modalities)
        return model

    def save(self, model: Any, folder: Path) -> None:
        model.save_pretrained(folder)
        names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        write_json(folder / _TRAINABLE_FILE, names)

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


KIND = _Full()
