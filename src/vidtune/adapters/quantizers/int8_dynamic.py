"""Weights in 8 bit, inputs in 8 bit with a scale for every token found at run time; by torchao."""

from __future__ import annotations

from typing import Any

from vidtune.adapters.quantizers._torchao import quiet_torchao, require_torchao, transformers_config


class _Int8Dynamic:
    """See ``Quantizer``."""

    summary = "weights in 8 bit, inputs in 8 bit scaled token by token, torchao"
    bits = 8
    needs_calibration = False

    def check(self, device: str) -> None:
        """See ``Quantizer``."""
        require_torchao()

    def config(self, device: str) -> Any:
        """See ``Quantizer``."""
        require_torchao()
        with quiet_torchao():
            from torchao.quantization import Int8DynamicActivationInt8WeightConfig

            return transformers_config(Int8DynamicActivationInt8WeightConfig())


QUANTIZER = _Int8Dynamic()
