"""Ways of storing a model in fewer bits: one file each, found by name."""

from __future__ import annotations

from typing import Any, Protocol

from vidtune.core.registry import Registry


class Quantizer(Protocol):
    """One way of storing the linear layers of a model in fewer bits.

    The file is imported when a recipe names it, so it must not import torch or a quantization library at its top.
    """

    summary: str
    """What it does, in a line."""

    bits: int
    """Of a stored weight."""

    needs_calibration: bool
    """Whether clips must go through the model before it is stored."""

    def check(self, device: str) -> None:
        """Return if it works here.

        Raises:
            NotInstalled: If the library is missing; names the extra.
            BadUsage: If it does not work on ``device``.
        """

    def config(self, device: str) -> Any:
        """Return what transformers takes as ``quantization_config``; which modules stay whole is left to the family."""


quantizers: Registry[Quantizer] = Registry(
    "quantizer",
    {
        "nf4": "vidtune.adapters.quantizers.nf4:QUANTIZER",
        "int8": "vidtune.adapters.quantizers.int8:QUANTIZER",
        "int8-weight-only": "vidtune.adapters.quantizers.int8_weight_only:QUANTIZER",
        "int8-dynamic": "vidtune.adapters.quantizers.int8_dynamic:QUANTIZER",
        "int8-static": "vidtune.adapters.quantizers.int8_static:QUANTIZER",
        "int4": "vidtune.adapters.quantizers.int4:QUANTIZER",
    },
)
"""All of them by name; packages add theirs under ``vidtune.quantizer``."""

__all__ = ["Quantizer", "quantizers"]
