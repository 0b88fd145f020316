"""The switch of a recipe for something that is kept on disk between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, model_validator

from vidtune.config._base import Config
from vidtune.core.file_cache import DEFAULT_MAX_BYTES, FileCache

CacheT = TypeVar("CacheT", bound=FileCache[Any])


class CacheConfig(Config):
    """Whether something is kept on disk for the next run, where, and how much of it."""

    enabled: bool = False
    """Keep what is computed, and take what is there. Changes no number, only time."""

    folder: Path | None = None
    """Where. None: a folder of its own below `vidtune` in the user's cache folder."""

    max_bytes: Annotated[int, Field(ge=1)] | None = None
    """What all runs together may keep there; the least recently used go first. None: 8 GiB."""

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> Self:
        idle = [name for name in ("folder", "max_bytes") if getattr(self, name) is not None]
        if idle and not self.enabled:
            raise ValueError(f"{' and '.join(idle)} has no effect while enabled is false: set enabled, or leave it out")
        return self

    def open(self, kind: type[CacheT]) -> CacheT | None:
        """Return the cache, or None where nothing is to be kept."""
        return kind(self.folder, max_bytes=self.max_bytes or DEFAULT_MAX_BYTES) if self.enabled else None
