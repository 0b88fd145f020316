"""The switch of a recipe for the cache of decoded frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from vidtune.config import Config
from vidtune.media._cache import DEFAULT_MAX_BYTES, FrameCache


class FrameCacheConfig(Config):
    """Whether decoded frames are kept on disk for the next run.

    They show what the videos show, so none are kept unless a recipe says so; ``vidtune data cache`` lists and removes
    them.
    """

    enabled: bool = False
    """Keep the frames that are read, and take those that are there. Changes no number, only time."""

    folder: Path | None = None
    """Where. None: `vidtune/frames` in the user's cache folder."""

    max_bytes: Annotated[int, Field(ge=1)] | None = None
    """What all runs together may keep there; the least recently used go first. None: 8 GiB."""

    @model_validator(mode="after")
    def _settings_have_an_effect(self) -> Self:
        idle = [name for name in ("folder", "max_bytes") if getattr(self, name) is not None]
        if idle and not self.enabled:
            raise ValueError(f"{' and '.join(idle)} has no effect while enabled is false: set enabled, or leave it out")
        return self

    def open(self) -> FrameCache | None:
        """Return the cache, or None where frames are not to be kept."""
        if not self.enabled:
            return None
        return FrameCache(self.folder, max_bytes=self.max_bytes or DEFAULT_MAX_BYTES)
