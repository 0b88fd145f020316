"""Generated data sets with known truth: a folder put here is a pack."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Any, Protocol

from vidtune.config import Config
from vidtune.core.progress import Progress
from vidtune.core.registry import Registry

_SHARED = frozenset({"figure"})
"""Folders that several packs draw from and that are none."""


class Pack(Protocol):
    """A generated data set: what may be chosen about it, and how it is made."""

    name: str
    """The name users give it."""

    config_class: type[Config]
    """What may be chosen; every field has a default."""

    def synthesize(self, out_folder: Path, config: Any, progress: Progress = ...) -> Any:
        """Write the data set into ``out_folder``, continuing an unfinished one, and return its summary."""


packs: Registry[Pack] = Registry(
    "pack",
    {
        module.name: f"{__name__}.{module.name}:PACK"
        for module in pkgutil.iter_modules(__path__)
        if module.ispkg and module.name not in _SHARED
    },
)
"""All packs by name, found by their folders; packages add theirs through the entry-point group ``vidtune.pack``."""

__all__ = ["Pack", "packs"]
