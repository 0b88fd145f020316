"""AdamW by bitsandbytes: moments in 8 bit, or in memory that a GPU swaps with the host's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidtune.adapters._quiet import quiet_libraries


def low_bit_adamw(
    groups: Sequence[dict[str, Any]],
    *,
    betas: tuple[float, float],
    epsilon: float,
    bits: int,
    is_paged: bool,
) -> Any:
    """Return AdamW over parameter groups with its moments in ``bits`` (8 or 32) bits.

    Moments in 8 bit are stored in blocks of 256 with a scale each (Dettmers et al. 2022, arXiv 2110.02861); tensors of
    fewer than 4,096 numbers keep theirs in float32.

    Args:
        groups: As torch's optimizers take them; each with its own ``lr``.
        betas: Decay of the two moments.
        epsilon: Guard against division by zero.
        bits: Of each moment.
        is_paged: Keep moments where CUDA moves them to the host's memory under pressure; needs a CUDA device.
    """
    with quiet_libraries():
        import bitsandbytes

    names = {(8, False): "AdamW8bit", (8, True): "PagedAdamW8bit", (32, True): "PagedAdamW32bit"}
    kind = getattr(bitsandbytes.optim, names[bits, is_paged])
    return kind(list(groups), betas=betas, eps=epsilon)
