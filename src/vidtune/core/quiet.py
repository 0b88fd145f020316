"""Keep what libraries say about themselves off the terminal."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

TORCHAO = ("torchao", "torch.utils._pytree")
"""Loggers that speak when torchao is imported, by us or by transformers: of kernels that were built for CUDA, and of
its own enumerations."""


@contextlib.contextmanager
def quiet_loggers(*names: str) -> Iterator[None]:
    """Let these loggers say nothing but errors.

    Example:
        >>> with quiet_loggers("some.library"):
        ...     logging.getLogger("some.library").isEnabledFor(logging.WARNING)
        False
    """
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
