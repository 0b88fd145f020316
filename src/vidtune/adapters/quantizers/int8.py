"""8 bit with outliers kept apart (LLM.int8, Dettmers et al. 2022, arXiv 2208.07339), by bitsandbytes."""

from __future__ import annotations

from typing import Any


class _Int8:
    """See ``Quantizer``."""

    summary = "weights in 8 bit, inputs in 8 bit but for outliers (LLM.int8), bitsandbytes"
    bits = 8
    needs_calibration = False

    def check(self, device: str) -> None:
        """Return: bitsandbytes comes with vidtune and computes on CPU and CUDA."""

    def config(self, device: str) -> Any:
        """See ``Quantizer``."""
        from transformers import BitsAndBytesConfig

        return BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]


QUANTIZER = _Int8()
