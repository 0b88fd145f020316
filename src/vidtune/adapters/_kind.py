"""What a way of tuning must be able to do. A kind is one file of ``kinds/``, or of a plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from vidtune.config import Config
from vidtune.core.registry import Registry

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig

Modality = Literal["vision", "projector", "language", "audio"]


@dataclass(frozen=True)
class Towers:
    """Where the parts of a model are, as its family tells it."""

    linear_targets: Mapping[str, str]
    """For every modality, a pattern of the whole names of its linear layers."""

    modality_of: Callable[[str], str] | None = None
    """From the name of a parameter to its modality; needed to train whole towers."""


class AdapterKind(Protocol):
    """One way of tuning a model.

    The file of a kind is imported when a config names it, so it must not import torch or PEFT at its top.
    """

    uses: frozenset[str]
    """Which of the shared fields of ``AdapterConfig`` have an effect; any other one set is an error."""

    default_modalities: tuple[Modality, ...]

    options_class: type[Config]
    """The settings that only this kind has."""

    def quantization_config(self, config: AdapterConfig, device: str) -> Any | None:
        """Return what the base model must be loaded with, or None for a base that is not quantized."""

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Return the model to train, with ``requires_grad`` set on what is trained and on nothing else."""

    def save(self, model: Any, folder: Path) -> None:
        """Write what was trained."""

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        """Return ``model`` with what ``save`` wrote put on it."""

    def merge(self, model: Any) -> Any:
        """Return a plain model that answers as the tuned one; ``model`` is used up."""


adapter_kinds: Registry[AdapterKind] = Registry(
    "adapter_kind",
    {name: f"vidtune.adapters.kinds.{name}:KIND" for name in ("frozen", "full", "lora", "qlora")},
)
"""All ways of tuning by name; packages add theirs under ``vidtune.adapter_kind``."""
