"""(IA)^3 (Liu et al. 2022, arXiv 2205.05638), by PEFT: vectors that scale keys, values and what MLPs compute inside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.adapters._kind import Modality, Towers
from vidtune.adapters._record import base_identity
from vidtune.adapters.kinds import _peft
from vidtune.config import Config

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig

_KEYS_AND_VALUES = re.compile(r"^(?:k|v|key|value|qkv|[kv]_proj|key_proj|value_proj|qkv_proj)$")
"""A vision tower may compute queries in the same matrix: they are then scaled as well."""


class Ia3Options(Config):
    """There is nothing to set."""


class _Ia3:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"modalities"})
    default_modalities: tuple[Modality, ...] = ("language",)
    options_class: type[Config] = Ia3Options

    def quantization_config(self, config: AdapterConfig, device: str) -> None:
        return None

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the vectors in; all are ones, so nothing changes yet."""
        from peft import IA3Config, get_peft_model

        scaled_outputs, scaled_inputs = [], []
        for modality in config.modalities:
            for part, names in _peft.sublayers(model, towers, modality).items():
                if _peft.is_attention(part):
                    scaled_outputs += [name for name in names if _KEYS_AND_VALUES.match(name.rpartition(".")[2])]
                else:
                    scaled_inputs.append(names[-1])
        peft_config = IA3Config(
            target_modules=_any_of([*scaled_outputs, *scaled_inputs]), feedforward_modules=_any_of(scaled_inputs)
        )
        source = base_identity(model)["source"] or None
        tuned = get_peft_model(model, peft_config)
        peft_config.base_model_name_or_path = source
        return tuned

    def save(self, model: Any, folder: Path) -> None:
        _peft.save(model, folder)

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        return _peft.load(model, folder, trainable=trainable)

    def merge(self, model: Any) -> Any:
        return _peft.merge(model)


def _any_of(names: list[str]) -> str:
    """Return a pattern of exactly these whole names. PEFT matches strings against whole names."""
    return "|".join(re.escape(name) for name in names)


KIND = _Ia3()
