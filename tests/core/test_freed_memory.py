"""Memory that is freed stays with the process while somebody wants it to, and no longer."""

from __future__ import annotations

import platform
import resource

import numpy as np
import pytest

from vidtune.core.freed_memory import freed_memory_kept

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")

_NUM_BYTES = 64 * 2**20
_HUGE_PAGE_BYTES = 2 * 2**20
_NUM_PAGES = _NUM_BYTES // _HUGE_PAGE_BYTES
"""At least so many are cleared for new memory; 512 times as many where the kernel has small pages alone."""


def _pages_cleared_by_ten_rounds() -> int:
    """Return how many pages the kernel had to clear for taking and freeing the same memory ten times."""
    np.ones(_NUM_BYTES, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(_NUM_BYTES, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_kept_while_wanted_and_given_back_after_the_last() -> None:
    with freed_memory_kept():
        with freed_memory_kept():
            assert _pages_cleared_by_ten_rounds() < 2 * _NUM_PAGES
        assert _pages_cleared_by_ten_rounds() < 2 * _NUM_PAGES, "one of two has left"
    assert _pages_cleared_by_ten_rounds() > 8 * _NUM_PAGES


def test_what_was_kept_goes_back_to_the_system() -> None:
    with freed_memory_kept():
        np.ones(_NUM_BYTES, np.uint8)
        held_bytes = _resident_bytes()
    assert held_bytes - _resident_bytes() > 0.9 * _NUM_BYTES


def test_not_wanted_changes_nothing() -> None:
    with freed_memory_kept(False):
        assert _pages_cleared_by_ten_rounds() > 8 * _NUM_PAGES


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as fields:
        return int(fields.read().split()[1]) * resource.getpagesize()
