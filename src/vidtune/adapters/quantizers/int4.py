"""Weights in 4 bit, groups of 32 with one scale each; by torchao, whose kernels for it are CUDA ones."""

from __future__ import annotations

from typing import Any

from vidtune.adapters.quantizers._torchao import require_torchao, transformers_config
from vidtune.core.errors import BadUsage
from vidtune.core.quiet import TORCHAO, quiet_loggers

_GROUP_SIZE = 32


class _Int4:
    """See ``Quantizer``."""

    summary = "weights in 4 bit in groups of 32, torchao, CUDA only"
    bits = 4
    needs_calibration = False

    def check(self, device: str) -> None:
        """See ``Quantizer``."""
        import torch

        require_torchao()
        if not (device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())):
            raise BadUsage(
                f"int4 was asked for on {device!r}: torchao 0.18 has no 4-bit kernel for CPUs.",
                "Use nf4, which computes on CPUs, or a CUDA device.",
            )

    def config(self, device: str) -> Any:
        """See ``Quantizer``."""
        self.check(device)
        with quiet_loggers(*TORCHAO):
            from torchao.quantization import Int4WeightOnlyConfig

            return transformers_config(Int4WeightOnlyConfig(group_size=_GROUP_SIZE))


QUANTIZER = _Int4()
