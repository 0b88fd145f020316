"""Keep the memory of one step for the next: glibc gives it back to the kernel and asks for it again otherwise.

A training step frees and allocates hundreds of megabytes in pieces of a few. By default glibc maps each large piece on
its own and unmaps it when it is freed, so that every step has the kernel clear the same pages again; with large
batches that was seen to take half of the time. Where the C library is another one, nothing is done.
"""

from __future__ import annotations

import ctypes
import platform

# Parameters of mallopt(3) by the numbers of malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell malloc to keep what is freed; holds for the rest of the process. Returns whether it was understood."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGEST_INT), (_TOP_PAD, 64 * 2**20))
    return all([mallopt(parameter, value) == 1 for parameter, value in settings])
