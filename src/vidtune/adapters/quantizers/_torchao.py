"""What the kinds that torchao implements share: is it there, and its chatter."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Iterator
from typing import Any

from vidtune.core.errors import NotInstalled

_CHATTY = ("torchao", "torch.utils._pytree")
"""On import it warns of kernels that were built for CUDA, and of its own enumerations."""


def require_torchao() -> None:
    """Return if torchao is installed.

    Raises:
        NotInstalled: If not; names the extra.
    """
    if importlib.util.find_spec("torchao") is None:
        raise NotInstalled(
            "this quantization needs torchao, which is not installed.", "pip install 'vidtune[quantize]'."
        )


@contextlib.contextmanager
def quiet_torchao() -> Iterator[None]:
    """Keep torchao's warnings about missing CUDA kernels off the terminal."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def transformers_config(quant_type: Any) -> Any:
    """Return ``quant_type`` as transformers takes it."""
    from transformers import TorchAoConfig

    return TorchAoConfig(quant_type)
