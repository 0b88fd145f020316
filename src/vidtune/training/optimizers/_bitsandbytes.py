"""What the optimizers of bitsandbytes share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch

from vidtune.adapters import low_bit_adamw
from vidtune.core.errors import ConfigInvalid
from vidtune.training._learning_config import OptimConfig


class LowBitAdamW:
    """See ``OptimizerKind``.

    Args:
        name: As recipes call it.
        bits: Of each moment.
        is_paged: Whether moments may move to the host's memory.
    """

    has_plain_moments = False

    def __init__(self, name: str, *, bits: int, is_paged: bool) -> None:
        self._name = name
        self._bits = bits
        self.bytes_a_weight = 2 * bits // 8
        self._is_paged = is_paged

    def check(self, device: torch.device) -> None:
        """Refuse what would silently be something else: bitsandbytes falls back to plain memory on a CPU."""
        if self._is_paged and device.type != "cuda":
            unpaged = "adamw_8bit" if self._bits == 8 else "adamw"
            raise ConfigInvalid(
                f"optim.kind={self._name!r} moves its moments between a CUDA device and the host; this run is on "
                f"{device.type}.",
                f"Set optim.kind to {unpaged!r}, which computes the same.",
            )
        if device.type not in ("cpu", "cuda"):
            raise ConfigInvalid(
                f"optim.kind={self._name!r} runs on cpu and cuda; this run is on {device.type}.",
                "Set optim.kind to 'adamw'.",
            )

    def make(self, groups: Sequence[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
        """Return the one of bitsandbytes."""
        made = low_bit_adamw(
            groups,
            betas=(config.beta1, config.beta2),
            epsilon=config.epsilon,
            bits=self._bits,
            is_paged=self._is_paged,
        )
        return cast("torch.optim.Optimizer", made)
