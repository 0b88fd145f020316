"""LoRA (Hu et al. 2021, arXiv 2106.09685), by PEFT: a product of two small matrices beside each linear layer."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator

from vidtune.adapters._kind import Modality, Towers
from vidtune.adapters._record import base_identity
from vidtune.adapters.kinds import _eva, _peft
from vidtune.config import Config
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig


class LoraOptions(Config):
    """Settings of lora alone."""

    rank_stabilized: bool = False
    """Scale by alpha / sqrt(rank) instead of alpha / rank, so that large ranks learn as fast as small ones
    (Kalajdzievski 2023, arXiv 2312.03732)."""

    dora: bool = False
    """Learn the length of each output's weights apart from their direction (Liu et al. 2024, arXiv 2402.09353).
    About half as fast again."""

    plus_ratio: Annotated[float, Field(ge=1, le=1024)] = 1.0
    """Learning rate of the second matrices as a multiple of the first ones' (LoRA+, Hayou et al. 2024, arXiv
    2402.12354, which advises 16)."""

    init: str = "default"
    """How the matrices begin. `default`: the first random, the second zero. `gaussian`, `orthogonal`: other random
    ones. `pissa`: the largest singular directions of the weight, which then leave the weight (Meng et al. 2024,
    arXiv 2404.02948). `olora`: those of its QR decomposition. `eva`: the directions in which the layer's inputs vary
    most on some batches, and more rank where they say more (Paischer et al. 2024, arXiv 2410.07170). `loftq`, for
    qlora: what storing the weight in 4 bit has lost (Li et al. 2023, arXiv 2310.08659)."""

    @field_validator("init")
    @classmethod
    def _init_is_known(cls, value: str) -> str:
        if value not in cls.known_inits():
            raise ValueError(f"init={value!r} is not known here: expected one of {', '.join(cls.known_inits())}.")
        return value

    @classmethod
    def known_inits(cls) -> tuple[str, ...]:
        """Return what ``init`` can be."""
        return ("default", "gaussian", "orthogonal", "pissa", "olora", "eva")


class Lora:
    """See ``AdapterKind``."""

    uses: frozenset[str] = frozenset({"rank", "alpha", "dropout", "modalities", "modules_to_train", "per_modality"})
    default_modalities: tuple[Modality, ...] = ("language",)
    options_class: type[Config] = LoraOptions

    def quantization_config(self, config: AdapterConfig, device: str) -> Any | None:
        """Return None: the base keeps its number format."""
        return None

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the matrices in; the first of each pair is random, the second zero, so nothing changes yet."""
        from peft import EvaConfig, LoraConfig, get_peft_model

        init = config.options["init"]
        _check_init(config, towers)
        peft_config = LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            use_rslora=config.options["rank_stabilized"],
            use_dora=config.options["dora"],
            # LoftQ needs the weights before they were rounded: qlora puts it in afterwards.
            init_lora_weights=True if init in ("default", "loftq") else init,
            eva_config=EvaConfig() if init == "eva" else None,
            target_modules=_peft.combine_targets(towers, config.modalities),
            **_peft.rank_patterns(towers, config),
            modules_to_save=_peft.find_whole_modules(model, towers, config.modules_to_train) or None,
            ensure_weight_tying="embeddings" in config.modules_to_train and _peft.has_tied_embeddings(model),
            bias="none",
        )
        # The lasting name of the base, not the folder it was loaded from on this machine.
        source = base_identity(model)["source"] or None
        with warnings.catch_warnings():
            # EVA fills the matrices at once, so it does not matter that they were made on the device.
            warnings.filterwarnings("ignore", message="lora with eva initialization used with low_cpu_mem_usage")
            tuned = get_peft_model(model, peft_config)
        if init == "eva":
            _eva.start_from_inputs(tuned, towers.batches or ())
        tuned.peft_config["default"].base_model_name_or_path = source
        return tuned

    def learning_rate_multiplier(self, config: AdapterConfig, name: str) -> float:
        """Return LoRA+'s ratio for second matrices, 1 for everything else."""
        return float(config.options["plus_ratio"]) if ".lora_B." in name else 1.0

    def save(self, model: Any, folder: Path) -> None:
        """Write PEFT's files."""
        _peft.save(model, folder)

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        """Read PEFT's files."""
        return _peft.load(model, folder, trainable=trainable)

    def merge(self, model: Any) -> Any:
        """Add each product to its weight."""
        return _peft.merge(model)


def _check_init(config: AdapterConfig, towers: Towers) -> None:
    init = config.options["init"]
    if init == "eva" and towers.batches is None:
        raise BadUsage(
            "init: eva looks at the inputs of the layers before training, but no batches were given.",
            "Pass batches to attach_adapter, or take another init.",
        )
    if init == "eva" and any(size.rank or size.alpha for size in config.per_modality.values()):
        raise BadUsage(
            "init: eva chooses the ranks itself, so rank and alpha of per_modality have no effect.",
            "Leave one of them out.",
        )
    ranks = [config.rank, *(size.rank or config.rank for size in config.per_modality.values())]
    if init == "orthogonal" and any(rank % 2 for rank in ranks):
        raise BadUsage(f"init: orthogonal needs even ranks, got {', '.join(map(str, ranks))}.", "Change rank.")


KIND = Lora()
