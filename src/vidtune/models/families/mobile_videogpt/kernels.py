"""Which selective scan runs: ours everywhere, that of ``mamba_ssm`` on CUDA where it is installed and proven equal.

The proof is a small scan through both, once for each device and dtype. A kernel that is missing, fails or differs is
left alone, and a warning says so: it must not change what a model answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from vidtune.models.families.mobile_videogpt.selective_scan import selective_scan

_TOLERANCES = {torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""The largest difference from our scan, relative to the largest output, at which a kernel counts as equal."""

_PROOF_TOKENS = 70
"""More than one chunk of ours, and no power of two."""

_log = logging.getLogger(__name__)

Scan = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor],
    torch.Tensor,
]


def scan(
    u_bld: torch.Tensor,
    dt_bld: torch.Tensor,
    a_dn: torch.Tensor,
    b_bln: torch.Tensor,
    c_bln: torch.Tensor,
    d_d: torch.Tensor,
) -> torch.Tensor:
    """Return the outputs of a selective scan; see ``selective_scan`` for the arguments."""
    chosen = _proven_kernel(u_bld.device.type, u_bld.dtype) if u_bld.device.type == "cuda" else None
    return (chosen or selective_scan)(u_bld, dt_bld, a_dn, b_bln, c_bln, d_d)


@cache
def _proven_kernel(device_type: str, dtype: torch.dtype) -> Scan | None:
    kernel = find_kernel()
    if kernel is None:
        return None
    difference = compare(kernel, torch.device(device_type), dtype)
    if difference <= _TOLERANCES.get(dtype, 0.0):
        return kernel
    _log.warning(
        "mamba_ssm's selective scan differs from the reference by %.2g of the largest output in %s, expected at most "
        "%.2g: it is not used.",
        difference,
        dtype,
        _TOLERANCES.get(dtype, 0.0),
    )
    return None


def find_kernel() -> Scan | None:
    """Return the scan of ``mamba_ssm`` with our arguments, or None where it is not installed."""
    try:
        from mamba_ssm.ops.selective_scan_interface import (  # type: ignore[import-not-found]
            selective_scan_fn,
        )
    except (ImportError, OSError):
        return None

    def kernel(
        u_bld: torch.Tensor,
        dt_bld: torch.Tensor,
        a_dn: torch.Tensor,
        b_bln: torch.Tensor,
        c_bln: torch.Tensor,
        d_d: torch.Tensor,
    ) -> torch.Tensor:
        dtype = u_bld.dtype
        channels_first: list[Any] = [
            tensor.to(dtype).transpose(1, 2).contiguous() for tensor in (u_bld, dt_bld, b_bln, c_bln)
        ]
        u, dt, b, c = channels_first
        y: torch.Tensor = selective_scan_fn(u, dt, a_dn.float(), b, c, d_d.float())
        return y.transpose(1, 2)

    return kernel


@torch.inference_mode(False)
@torch.enable_grad()
def compare(kernel: Scan, device: torch.device, dtype: torch.dtype) -> float:
    """Return the largest difference of ``kernel`` from our scan, relative to the largest output; infinite if it fails.

    Values and gradients are compared.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, generator=generator).to(device)

    u, dt = draw(2, _PROOF_TOKENS, 8), torch.nn.functional.softplus(draw(2, _PROOF_TOKENS, 8) - 2)
    a, d = -torch.exp(draw(8, 4)), draw(8)
    b, c = draw(2, _PROOF_TOKENS, 4), draw(2, _PROOF_TOKENS, 4)
    inputs = [u.to(dtype), dt.to(dtype), a, b.to(dtype), c.to(dtype), d]
    wanted, given = _run(selective_scan, inputs), []
    try:
        given = _run(kernel, inputs)
    except (RuntimeError, TypeError, ValueError, AttributeError, ImportError, OSError) as exc:
        _log.warning("mamba_ssm's selective scan fails on %s in %s: %s", device, dtype, exc)
        return float("inf")
    return max(
        float((one.float() - other.float()).abs().max() / other.float().abs().max().clamp_min(1e-6))
        for one, other in zip(given, wanted, strict=True)
    )


def _run(kernel: Scan, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    y = kernel(*leaves)
    gradients = torch.autograd.grad(y.float().square().sum(), leaves)
    return [y.detach(), *gradients]
