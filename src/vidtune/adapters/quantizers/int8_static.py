"""Weights in 8 bit, inputs in 8 bit with one scale a layer, measured in advance on calibration clips; by torchao.

The folder that is stored is that of ``int8-dynamic`` with one more file, ``activation_scales.safetensors``. Plain
transformers open it and find the scales of the inputs at run time, as for ``int8-dynamic``; vidtune uses the file.
"""

from __future__ import annotations

from vidtune.adapters.quantizers._torchao import Int8
from vidtune.adapters.quantizers.int8_dynamic import CONFIG_CLASS

QUANTIZER = Int8(
    "weights in 8 bit, inputs in 8 bit with scales from calibration clips, torchao",
    CONFIG_CLASS,
    needs_calibration=True,
)
