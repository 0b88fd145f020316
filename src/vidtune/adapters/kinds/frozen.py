"""Nothing is trained: the base model as it is, for a baseline under the same recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.adapters._kind import Modality, Towers
from vidtune.config import Config

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig


class FrozenOptions(Config):
    """There is nothing to set."""


class _Frozen:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset()
    default_modalities: tuple[Modality, ...] = ()
    options_class: type[Config] = FrozenOptions

    def quantization_config(self, config: AdapterConfig, device: str) -> None:
        return None

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        return model.requires_grad_(False)

    def save(self, model: Any, folder: Path) -> None:
        """Write nothing: the record alone says what it is."""

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        return model.requires_grad_(False)

    def merge(self, model: Any) -> Any:
        return model


KIND = _Frozen()
