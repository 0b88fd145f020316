"""Which number format a step computes in, and the context that makes it so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, cast

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from vidtune.core.errors import ConfigInvalid

Precision = Literal["fp32", "tf32", "bf16", "fp16"]

_SHORT_TOKENS = 512


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """Return what ``auto`` means on ``device``: bf16 where the hardware multiplies it natively, else fp32.

    On a CPU without AVX512-BF16 or AMX, bf16 is emulated and slower than fp32.

    Raises:
        ConfigInvalid: If it asks for tf32 where there is none.
    """
    if wanted == "tf32" and device.type != "cuda":
        raise ConfigInvalid(
            f"loop.precision='tf32' has no effect on {device.type}: only CUDA devices have such products.",
            "Set it to auto, fp32 or bf16.",
        )
    if wanted != "auto":
        return cast("Precision", wanted)
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return "bf16" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else "fp32"
    return "fp32"


@contextmanager
def computing(precision: Precision, device: torch.device, longest: int) -> Iterator[None]:
    """Be in the context of a forward pass. Trained weights stay float32; only products are computed in 16 bit.

    Args:
        precision: What to compute in.
        device: Where.
        longest: Tokens of the longest sequence that may come. On a CPU the backward pass of torch's fused bf16
            attention takes a quarter of a step of a small model; for short sequences three plain products are
            faster, at the price of a (tokens x tokens) matrix a head.
    """
    if precision in ("fp32", "tf32"):
        yield
        return
    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    with torch.autocast(device.type, dtype=dtype), ExitStack() as stack:
        if device.type == "cpu" and longest <= _SHORT_TOKENS:
            stack.enter_context(sdpa_kernel([SDPBackend.MATH]))
            stack.enter_context(_bf16_products_in_attention())
        yield


@contextmanager
def tf32_products(precision: str) -> Iterator[None]:
    """Let a whole run, backward passes included, multiply float32 in TF32 if that is its precision."""
    before = torch.get_float32_matmul_precision()
    if precision == "tf32":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def _bf16_products_in_attention() -> Iterator[None]:
    # The switch lives under `cuda` and rules the CPU as well; without it plain attention falls back to float32.
    before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        yield
    finally:
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(before)
