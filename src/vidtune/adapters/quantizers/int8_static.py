"""Weights in 8 bit, inputs in 8 bit with one scale a layer, measured in advance on calibration clips; by torchao.

The folder that is stored is that of ``int8-dynamic`` with one more file, ``activation_scales.safetensors``. Plain
transformers open it and find the scales of the inputs at run time, as for ``int8-dynamic``; vidtune uses the file.
"""

from __future__ import annotations

from typing import Any

from vidtune.adapters.quantizers import int8_dynamic


class _Int8Static:
    """See ``Quantizer``."""

    summary = "weights in 8 bit, inputs in 8 bit with scales from calibration clips, torchao"
    bits = 8
    needs_calibration = True

    def check(self, device: str) -> None:
        """See ``Quantizer``."""
        int8_dynamic.QUANTIZER.check(device)

    def config(self, device: str) -> Any:
        """See ``Quantizer``."""
        return int8_dynamic.QUANTIZER.config(device)


QUANTIZER = _Int8Static()
