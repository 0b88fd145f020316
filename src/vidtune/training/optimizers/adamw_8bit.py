"""AdamW with its moments in 8 bit: two bytes for every trained weight."""

from __future__ import annotations

from vidtune.training.optimizers._bitsandbytes import LowBitAdamW

OPTIMIZER = LowBitAdamW("adamw_8bit", bits=8, is_paged=False)
