"""Keep known, harmless chatter of the libraries off the terminal while an adapter is attached, saved or loaded."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

_BITSANDBYTES_CPU = "bitsandbytes.backends.cpu.ops"
"""On import it warns that it found no kernel to fetch for CPUs with AVX512-BF16; qlora does not use that kernel."""


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hide progress bars of transformers, and warnings that say nothing about the adapter."""
    from transformers.utils import logging as transformers_logging

    bars: Any = transformers_logging
    had_bar = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    logging.getLogger(_BITSANDBYTES_CPU).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # PEFT 0.21 still asks transformers 5.23 by the old name.
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
            yield
    finally:
        if had_bar:
            bars.enable_progress_bar()
