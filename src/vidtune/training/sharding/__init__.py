"""Where the weights, gradients and moments of a run lie among its processes: one file for each way.

The loop says what is computed; what stands here says how many processes hold what of it, and passes tensors between
them. Whatever the way, gradients are summed over the forward passes of a step, so a recipe learns the same.
"""

from __future__ import annotations

from vidtune.training.sharding._choose import choose_sharding, require_can_shard, require_sharded
from vidtune.training.sharding._deal import Part, deal
from vidtune.training.sharding._protocol import Holding, Sharding

__all__ = ["Holding", "Part", "Sharding", "choose_sharding", "deal", "require_can_shard", "require_sharded"]
