"""AdamW with its moments in 8 bit, which CUDA moves to the host's memory when its own is full."""

from __future__ import annotations

from vidtune.training.optimizers._bitsandbytes import LowBitAdamW

OPTIMIZER = LowBitAdamW("paged_adamw_8bit", bits=8, is_paged=True)
