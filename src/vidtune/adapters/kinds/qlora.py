"""QLoRA (Dettmers et al. 2023, arXiv 2305.14314): LoRA on a base whose linear layers are stored in 4 or 8 bit.

Unless asked otherwise, only the language tower is stored so; the model's family says what is not. A vision tower is
small beside it and suffers more. What is saved is a plain LoRA adapter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from vidtune.adapters._kind import Towers
from vidtune.adapters._record import base_identity
from vidtune.adapters.kinds import _loftq
from vidtune.adapters.kinds.lora import Lora, LoraOptions
from vidtune.config import Config
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    from vidtune.adapters._config import AdapterConfig


class QLoraOptions(LoraOptions):
    """Settings of qlora: those of lora, and how the base is stored."""

    quant_type: Literal["nf4", "fp4", "int8"] = "nf4"
    """`nf4` has its levels where normally distributed weights are, and is better than `fp4`. `int8`: 8 bit with
    outliers kept apart (LLM.int8, Dettmers et al. 2022, arXiv 2208.07339), twice the memory and closer to the base."""

    double_quant: bool = True
    """Store the scales in 8 bit as well: 0.4 bit less for every weight."""

    quantize_vision: bool = False
    """Store the linear layers of the vision tower so, too; a projector and what is no linear layer stay whole."""

    compute_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the products. `auto`: bfloat16 on CUDA that has it, else float16; float32 on CPU."""

    @model_validator(mode="after")
    def _fits_8_bit(self) -> Self:
        if self.quant_type == "int8":
            if not self.double_quant or self.compute_dtype != "auto":
                raise ValueError(
                    "double_quant and compute_dtype have no effect with quant_type='int8': leave them out."
                )
            if self.init == "loftq":
                raise ValueError("init='loftq' makes up for 4 bit: it needs quant_type nf4.")
        if self.init == "loftq" and (self.quant_type != "nf4" or self.dora):
            raise ValueError("init='loftq' needs quant_type='nf4' and no dora.")
        return self

    @classmethod
    def known_inits(cls) -> tuple[str, ...]:
        """Return those that leave the stored weights alone, and LoftQ."""
        return ("default", "gaussian", "eva", "loftq")


class _QLora(Lora):
    """See ``AdapterKind``."""

    options_class: type[Config] = QLoraOptions

    def quantization_config(self, config: AdapterConfig, device: str) -> Any:
        """Return the storage; which modules keep their format is left to the family that loads them."""
        stored = self._storage(config, device)
        stored.vidtune_quantize_vision = config.options["quantize_vision"]
        return stored

    def _storage(self, config: AdapterConfig, device: str) -> Any:
        from transformers import BitsAndBytesConfig

        if config.options["quant_type"] == "int8":
            return BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
        _keep_layers_trainable()
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type=config.options["quant_type"],
            bnb_4bit_use_double_quant=config.options["double_quant"],
            bnb_4bit_compute_dtype=_choose_compute_dtype(config.options["compute_dtype"], device),
        )

    def attach(self, model: Any, config: AdapterConfig, towers: Towers) -> Any:
        """Put the matrices beside the stored layers."""
        wanted = 8 if config.options["quant_type"] == "int8" else 4
        if _stored_bits(model) != wanted:
            raise BadUsage(
                f"qlora needs a base that was loaded in {wanted} bit, this one was not.",
                "Pass quantization_config(adapter_config) to load_model.",
            )
        tuned = super().attach(model, config, towers)
        if config.options["init"] == "loftq":
            _loftq.start_from_rounding(tuned, base_identity(model)["source"])
        return tuned

    def merge(self, model: Any) -> Any:
        """Add each product to its weight; refused where the sum would be rounded, and the adapter with it."""
        bits = _stored_bits(model)
        if bits is not None:
            raise BadUsage(
                f"an adapter cannot be merged into a {bits}-bit base: rounding the sum would lose most of it.",
                "Load the base without quantization_config, load_adapter on it, and merge there.",
            )
        return super().merge(model)


def _stored_bits(model: Any) -> int | None:
    """Return in how many bits bitsandbytes stores the base; None for a whole one."""
    if getattr(model, "is_loaded_in_4bit", False):
        return 4
    return 8 if getattr(model, "is_loaded_in_8bit", False) else None


def _keep_layers_trainable() -> None:
    """Switch off what bitsandbytes does to 4-bit layers on CPUs with AVX512-BF16. It must come before they are made.

    There it repacks a layer's weights on the first forward in eval mode, for a faster kernel that has no backward: the
    next training step then fails ("view of a leaf Variable"), and layers of fewer than 64 inputs fail at once.
    """
    import bitsandbytes.nn.modules

    bitsandbytes.nn.modules.has_avx512bf16 = lambda: False  # type: ignore[attr-defined]


def _choose_compute_dtype(name: str, device: str) -> Any:
    import torch

    if name != "auto":
        return getattr(torch, name)
    if device == "cpu" or not torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


KIND = _QLora()
