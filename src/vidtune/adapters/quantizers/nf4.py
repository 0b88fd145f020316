"""4-bit NormalFloat with double quantization (Dettmers et al. 2023, arXiv 2305.14314), by bitsandbytes."""

from __future__ import annotations

from typing import Any

from vidtune.adapters._config import AdapterConfig
from vidtune.adapters.kinds.qlora import KIND


class _NF4:
    """See ``Quantizer``. It is how QLoRA stores its base."""

    summary = "weights in 4 bit (NF4) with 8-bit scales, bitsandbytes"
    bits = 4
    needs_calibration = False

    def check(self, device: str) -> None:
        """Return: bitsandbytes comes with vidtune and computes on CPU and CUDA."""

    def config(self, device: str) -> Any:
        """See ``Quantizer``."""
        return KIND.quantization_config(AdapterConfig(kind="qlora"), device)


QUANTIZER = _NF4()
