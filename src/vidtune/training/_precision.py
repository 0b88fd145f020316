"""Which number format a step computes in, and the context that makes it so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

Precision = Literal["fp32", "bf16"]

_SHORT_TOKENS = 512


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """Return what ``auto`` means on ``device``: bf16 where the hardware multiplies it natively, else fp32.

    On a CPU without AVX512-BF16 or AMX, bf16 is emulated and slower than fp32.
    """
    if wanted == "bf16":
        return "bf16"
    if wanted == "fp32":
        return "fp32"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return "bf16" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else "fp32"
    return "fp32"


@contextmanager
def computing(precision: Precision, device: torch.device, longest: int) -> Iterator[None]:
    """Be in the context of a forward pass. Trained weights stay float32; only products are computed in bf16.

    Args:
        precision: What to compute in.
        device: Where.
        longest: Tokens of the longest sequence that may come. On a CPU the backward pass of torch's fused bf16
            attention takes a quarter of a step of a small model; for short sequences three plain products are
            faster, at the price of a (tokens x tokens) matrix a head.
    """
    if precision == "fp32":
        yield
        return
    with torch.autocast(device.type, dtype=torch.bfloat16), ExitStack() as stack:
        if device.type == "cpu" and longest <= _SHORT_TOKENS:
            stack.enter_context(sdpa_kernel([SDPBackend.MATH]))
            stack.enter_context(_bf16_products_in_attention())
        yield


@contextmanager
def _bf16_products_in_attention() -> Iterator[None]:
    # The switch lives under `cuda` and rules the CPU as well; without it plain attention falls back to float32.
    before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        yield
    finally:
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(before)
