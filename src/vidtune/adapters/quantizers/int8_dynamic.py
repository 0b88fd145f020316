"""Weights in 8 bit, inputs in 8 bit with a scale for every token found at run time; by torchao."""

from __future__ import annotations

from vidtune.adapters.quantizers._torchao import Int8

CONFIG_CLASS = "Int8DynamicActivationInt8WeightConfig"

QUANTIZER = Int8("weights in 8 bit, inputs in 8 bit scaled token by token, torchao", CONFIG_CLASS)
