"""Which frames of a clip the model sees: the setting, and the table of selectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol, Self

from pydantic import Field, model_validator

from vidtune.config import Config
from vidtune.core.registry import Registry
from vidtune.media._probe import VideoInfo


class SamplingConfig(Config):
    """Which frames of a clip the model sees."""

    kind: str = "uniform"
    """`uniform`: num_frames spread over the clip. `fps`: a fixed rate, capped by num_frames. Or a plugin's selector."""

    num_frames: Annotated[int, Field(ge=1, le=1024)] = 8
    """Frames given to the model; with `fps` the most that are given."""

    fps: Annotated[float, Field(gt=0, le=60)] | None = None
    """Frames per second of presentation time. Required when the selector goes by rate, refused otherwise."""

    @model_validator(mode="after")
    def _fits_the_selector(self) -> Self:
        try:
            selector = selectors.get(self.kind)
        except LookupError as exc:
            raise ValueError(str(exc)) from exc
        if selector.needs_fps != (self.fps is not None):
            verb = "is required" if selector.needs_fps else "has no effect"
            raise ValueError(f"fps {verb} when kind is {self.kind!r}, found fps={self.fps}.")
        return self


class Selector(Protocol):
    """One way to choose frames. A selector is one file of ``media/selection``, or of a plugin."""

    needs_fps: bool
    """Whether it goes by ``SamplingConfig.fps``."""

    def select_times(self, info: VideoInfo, sampling: SamplingConfig) -> Sequence[float]:
        """Return ascending times in seconds after the first frame, each in ``[0, info.duration_s)``."""


selectors = Registry[Selector](
    "selector",
    {
        "uniform": "vidtune.media.selection.uniform:uniform",
        "fps": "vidtune.media.selection.fps:fps",
    },
)
