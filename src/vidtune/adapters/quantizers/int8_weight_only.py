"""Weights in 8 bit, one scale an output channel, products in the model's own format; by torchao."""

from __future__ import annotations

from vidtune.adapters.quantizers._torchao import Int8

QUANTIZER = Int8("weights in 8 bit, torchao", "Int8WeightOnlyConfig")
