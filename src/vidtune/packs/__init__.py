"""Generated data sets with known truth: one table from a pack's name to where it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from vidtune.config import Config
from vidtune.core.progress import Progress
from vidtune.core.registry import Registry


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
        "generic": "vidtune.packs.generic:PACK",
        "longvideo": "vidtune.packs.longvideo:PACK",
        "physio": "vidtune.packs.physio:PACK",
    },
)

__all__ = ["Pack", "packs"]
