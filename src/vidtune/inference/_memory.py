"""Batches that shrink when memory ends and grow again when it is back."""

from __future__ import annotations

import gc

import torch

# Allocators differ in type and agree only in words; CPU allocation failures are plain RuntimeErrors.
_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    "alloc_failed",
    "failed to allocate",
)
_FIRST_WAIT = 8


def is_out_of_memory(exc: BaseException) -> bool:
    """Say whether an exception means that memory ended, on whatever device."""
    if isinstance(exc, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(exc, RuntimeError) and any(sign in str(exc).lower() for sign in _SIGNS)


def free_memory() -> None:
    """Give back what a failed batch left behind. Call it after its exception is gone, for that holds its tensors."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class BatchSize:
    """How many clips go into the next batch.

    Halved at every failure. After a number of good batches it is doubled again, up to where it began; each
    failure doubles that number, so a limit that is really there costs less and less.
    """

    def __init__(self, largest: int) -> None:
        self.current = largest
        self._largest = largest
        self._wait = _FIRST_WAIT
        self._num_good = 0

    def fits(self) -> None:
        """Note a batch that went well."""
        self._num_good += 1
        if self._num_good >= self._wait and self.current < self._largest:
            self.current = min(self._largest, self.current * 2)
            self._num_good = 0

    def failed(self, num_clips: int) -> None:
        """Note a batch of ``num_clips`` for which memory did not suffice."""
        self.current = max(1, min(self.current, num_clips) // 2)
        self._wait *= 2
        self._num_good = 0
