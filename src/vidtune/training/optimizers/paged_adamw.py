"""AdamW with its moments in float32, which CUDA moves to the host's memory when its own is full."""

from __future__ import annotations

from vidtune.training.optimizers._bitsandbytes import LowBitAdamW

OPTIMIZER = LowBitAdamW("paged_adamw", bits=32, is_paged=True)
