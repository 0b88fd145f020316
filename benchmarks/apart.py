"""Each way that is measured in a process of its own, so that what one does to memory is no gain or loss of the next."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_its_own_process(work: Callable[[], T]) -> T:
    """Return what ``work`` returns in a fork of this process, which should have loaded much and computed nothing.

    Raises:
        EOFError: If it ends without a result; it has printed why.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(work()))
    process.start()
    sender.close()  # ours: so that the end of the process ends the waiting
    result: T = receiver.recv()
    process.join()
    return result
