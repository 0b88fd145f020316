"""The size of the next batch after good and bad ones."""

from __future__ import annotations

import pytest
import torch

from vidtune.inference._memory import BatchSize, is_out_of_memory


def test_a_batch_is_halved_down_to_one() -> None:
    size = BatchSize(8)

    for expected in (4, 2, 1, 1):
        size.failed(size.current)
        assert size.current == expected


def test_a_failure_of_a_smaller_last_batch_halves_that_batch() -> None:
    size = BatchSize(16)

    size.failed(6)

    assert size.current == 3


def test_a_batch_grows_back_after_good_ones_and_ever_later_after_failures() -> None:
    size = BatchSize(4)
    waits = []
    for _ in range(2):
        size.failed(4)
        wait = 0
        while size.current < 4:
            size.fits()
            wait += 1
        waits.append(wait)

    assert waits == [16, 32]


def test_a_batch_never_outgrows_what_was_asked_for() -> None:
    size = BatchSize(6)

    for _ in range(100):
        size.fits()

    assert size.current == 6


@pytest.mark.parametrize(
    ("exc", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(exc: BaseException, is_memory: bool) -> None:
    assert is_out_of_memory(exc) is is_memory
