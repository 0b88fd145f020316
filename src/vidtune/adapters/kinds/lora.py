"""LoRA (Hu et al. 2021, arXiv 2106.09685), by PEFT: a product of two small matrices beside each linear layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.adapters._kind import Modality, Towers
from vidtune.adapters._record import base_identity
from vidtune.adapters.kinds import _peft
from vidtune.config import Config

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig


class LoraOptions(Config):
    """Settings of lora alone."""

    rank_stabilized: bool = False
    """Scale by alpha / sqrt(rank) instead of alpha / rank, so that large ranks learn as fast as small ones."""


class Lora:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"rank", "alpha", "dropout", "modalities", "modules_to_train"})
    default_modalities: tuple[Modality, ...] = ("language",)
    options_class: type[Config] = LoraOptions

    def quantization_config(self, config: AdapterConfig, device: str) -> Any | None:
        """Return None: the base keeps its number format."""
        return None

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the matrices in; the first of each pair is random, the second zero, so nothing changes yet."""
        from peft import LoraConfig, get_peft_model

        peft_config = LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            use_rslora=config.options["rank_stabilized"],
            target_modules=_peft.combine_targets(towers, config.modalities),
            modules_to_save=_peft.find_whole_modules(model, towers, config.modules_to_train) or None,
            ensure_weight_tying="embeddings" in config.modules_to_train and _peft.has_tied_embeddings(model),
            bias="none",
        )
        tuned = get_peft_model(model, peft_config)
        # The lasting name of the base, not the folder it was loaded from on this machine.
        peft_config.base_model_name_or_path = base_identity(model)["source"] or None
        return tuned

    def save(self, model: Any, folder: Path) -> None:
        """Write PEFT's files."""
        _peft.save(model, folder)

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        """Read PEFT's files."""
        return _peft.load(model, folder, trainable=trainable)

    def merge(self, model: Any) -> Any:
        """Add each product to its weight."""
        return _peft.merge(model)


KIND = Lora()
