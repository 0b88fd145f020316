"""Make PEFT know ``temporal_lora``: at once if it is loaded, otherwise when it will be. Only the standard library.

``PeftModel.from_pretrained`` looks the kind of an adapter up in tables that are filled when PEFT is imported. Ours must
be in them whichever of the two packages is imported first, and ``import vidtune.adapters`` must not import PEFT, which
takes seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

PEFT_TYPE = "TEMPORAL_LORA (import vidtune.adapters first)"
"""Stands in ``adapter_config.json``. PEFT alone says ``KeyError`` and this text, so it holds the remedy."""


def register_with_peft() -> None:
    """Make PEFT know ``temporal_lora`` from now on; a second call does nothing."""
    if "peft" in sys.modules:
        _enter()
    elif not any(isinstance(finder, _WaitForPeft) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WaitForPeft())


def _enter() -> None:
    """Put our classes into PEFT's tables."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING

    from vidtune.adapters.temporal._tuner import TemporalLoraConfig, TemporalLoraModel

    # The tables are keyed by an enum of strings; ``register_peft_method`` takes only members that PEFT has itself.
    tables: tuple[Any, ...] = (
        PEFT_TYPE_TO_CONFIG_MAPPING,
        PEFT_TYPE_TO_TUNER_MAPPING,
        PEFT_TYPE_TO_PREFIX_MAPPING,
    )
    for table, entry in zip(tables, (TemporalLoraConfig, TemporalLoraModel, TemporalLoraModel.prefix), strict=True):
        table.setdefault(PEFT_TYPE, entry)


class _WaitForPeft(MetaPathFinder):
    """Finds PEFT as Python does, and goes on where its import ends."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "peft":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenEnter(spec.loader)
        return spec


class _ThenEnter(Loader):
    """Loads PEFT with its own loader, then enters our classes."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _enter()
