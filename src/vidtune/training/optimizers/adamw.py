"""AdamW with its moments in float32: eight bytes for every trained weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from vidtune.training._learning_config import OptimConfig


class _AdamW:
    """See ``OptimizerKind``."""

    has_plain_moments = True
    bytes_a_weight = 8

    def check(self, device: torch.device) -> None:
        """Return: torch has it everywhere."""

    def make(self, groups: Sequence[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
        """Return torch's own, with all its arithmetic in one pass."""
        return torch.optim.AdamW(groups, betas=(config.beta1, config.beta2), eps=config.epsilon, fused=True)


OPTIMIZER = _AdamW()
