"""Keep the memory of one step for the next: glibc gives it back to the kernel and asks for it again otherwise.

A training step, or the prompts of a batch, free and allocate hundreds of megabytes in pieces of a few. By default glibc
maps each large piece on its own and unmaps it when it is freed, so that every step has the kernel clear the same pages
again; with large batches that was seen to take half of the time of training, and a sixth of that of prediction. Where
the C library is another one, nothing is done.
"""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of mallopt(3) by the numbers of malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
_LARGEST_INT = 2**31 - 1
_KEPT = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _LARGEST_INT, _TOP_PAD: 64 * 2**20}

# The most that glibc allows itself by its own rule: settings cannot be taken back, only set to other ones.
_AS_USUAL = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 * 2**20, _TRIM_THRESHOLD: 64 * 2**20, _TOP_PAD: 128 * 2**10}

_lock = threading.Lock()
_num_inside = 0


@contextmanager
def freed_memory_kept(is_wanted: bool = True) -> Iterator[None]:
    """Have malloc keep what is freed, for the whole process, in the meantime; the last of several to leave ends it.

    What was kept goes back to the system at the end.

    Args:
        is_wanted: Otherwise nothing is done; work on a GPU has nothing of it.
    """
    if not is_wanted or platform.libc_ver()[0] != "glibc":
        yield
        return
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(change: int) -> None:
    global _num_inside  # noqa: PLW0603  # malloc belongs to the process, and so does who wants what of it
    with _lock:
        was_kept = _num_inside > 0
        _num_inside += change
        if was_kept == (_num_inside > 0):
            return
        libc = ctypes.CDLL(None)
        for parameter, value in (_KEPT if _num_inside else _AS_USUAL).items():
            libc.mallopt(parameter, value)
        if not _num_inside:
            libc.malloc_trim(0)
