"""Weights in 8 bit, one scale an output channel, products in the model's own format; by torchao."""

from __future__ import annotations

from typing import Any

from vidtune.adapters.quantizers._torchao import quiet_torchao, require_torchao, transformers_config


class _Int8WeightOnly:
    """See ``Quantizer``."""

    summary = "weights in 8 bit, torchao"
    bits = 8
    needs_calibration = False

    def check(self, device: str) -> None:
        """See ``Quantizer``."""
        require_torchao()

    def config(self, device: str) -> Any:
        """See ``Quantizer``."""
        require_torchao()
        with quiet_torchao():
            from torchao.quantization import Int8WeightOnlyConfig

            return transformers_config(Int8WeightOnlyConfig())


QUANTIZER = _Int8WeightOnly()
