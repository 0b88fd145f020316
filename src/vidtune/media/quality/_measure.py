"""The table of measures, their settings, and the function that takes all of them."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from vidtune.config import Config
from vidtune.core.registry import Registry
from vidtune.media.quality._looked import LookedAt


class QualityConfig(Config):
    """How a clip is looked at."""

    num_frames: Annotated[int, Field(ge=1, le=256)] = 20
    """Frames that are looked at as large as they are."""

    stride_frames: Annotated[int, Field(ge=1)] | None = None
    """How many frames apart they are, from the first on. None: spread over the whole clip."""

    motion_delta: Annotated[int, Field(ge=1, le=255)] = 18
    """By how much a grey value must differ to count as changed."""

    motion_pixel_share: Annotated[float, Field(gt=0, le=1)] = 0.01
    """The share of the pixels that must have changed for a pair of frames to move."""

    class_motion_delta: Annotated[int, Field(ge=1, le=255)] = 20
    """As `motion_delta`, for telling moving classes from still ones."""

    class_motion_frames: Annotated[int, Field(ge=2)] = 15
    """How many of the frames that rule looks at."""


class Measure(Protocol):
    """One measure: values by name, all finite numbers."""

    def __call__(self, looked: LookedAt, config: QualityConfig) -> dict[str, float]:
        """Measure what was looked at."""


measures: Registry[Measure] = Registry(
    "measure",
    {
        name: f"vidtune.media.quality.{name}:{name}"
        for name in ("exposure", "letterbox", "motion", "sharpness", "stillness")
    },
)


def measure_quality(looked: LookedAt, config: QualityConfig | None = None) -> dict[str, float]:
    """Return the values of all measures, by name."""
    config = config or QualityConfig()
    values: dict[str, float] = {}
    for name in measures.names():
        values |= measures.get(name)(looked, config)
    return values
