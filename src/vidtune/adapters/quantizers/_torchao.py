"""What the kinds that torchao implements share: is it there, and 8 bit in two ways."""

from __future__ import annotations

import importlib.util
from typing import Any

from vidtune.core.errors import NotInstalled
from vidtune.core.quiet import TORCHAO, quiet_loggers


def require_torchao() -> None:
    """Return if torchao is installed.

    Raises:
        NotInstalled: If not; names the extra.
    """
    if importlib.util.find_spec("torchao") is None:
        raise NotInstalled(
            "this quantization needs torchao, which is not installed.", "pip install 'vidtune[quantize]'."
        )


def transformers_config(quant_type: Any) -> Any:
    """Return ``quant_type`` as transformers takes it."""
    from transformers import TorchAoConfig

    return TorchAoConfig(quant_type)


class Int8:
    """A ``Quantizer`` of 8 bit.

    Args:
        summary: What it does, in a line.
        config_class: Name of its configuration in torchao.
        needs_calibration: Whether clips must go through the model first.
    """

    bits = 8

    def __init__(self, summary: str, config_class: str, *, needs_calibration: bool = False) -> None:
        self.summary = summary
        self.needs_calibration = needs_calibration
        self._config_class = config_class

    def check(self, device: str) -> None:
        """See ``Quantizer``: it computes on every device, if torchao is there."""
        require_torchao()

    def config(self, device: str) -> Any:
        """See ``Quantizer``."""
        require_torchao()
        with quiet_loggers(*TORCHAO):
            from torchao import quantization

            return transformers_config(getattr(quantization, self._config_class)())
