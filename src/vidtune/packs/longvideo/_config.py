"""What may be chosen about a longvideo pack."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from vidtune.config import Config


class LongvideoConfig(Config):
    """Generated long videos of scenes and short rare events, with questions and the times of their evidence."""

    num_videos: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Videos."""

    min_duration_s: Annotated[float, Field(ge=20, le=7200)] = 300.0
    """Shortest video in seconds."""

    max_duration_s: Annotated[float, Field(ge=20, le=7200)] = 1800.0
    """Longest video in seconds; lengths are spread evenly on a logarithmic scale."""

    questions_per_video: Annotated[int, Field(ge=1, le=8)] = 6
    """Questions about each video."""

    distractors_per_minute: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Short events that no question is about, looking much like those that are asked for."""

    mean_scene_s: Annotated[float, Field(ge=2, le=600)] = 15.0
    """Mean length of a scene; they vary from a third to three times of it."""

    size_px: Annotated[int, Field(ge=48, le=1080, multiple_of=2)] = 144
    """Height of the picture, which is 16 : 9."""

    fps: Annotated[int, Field(ge=4, le=60)] = 8
    """Frames per second."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Decides everything. The same seed and config give the same bytes, whatever the number of workers."""

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Processes that draw and encode. Has no effect on the bytes."""

    @model_validator(mode="after")
    def _lengths_are_in_order(self) -> Self:
        if self.min_duration_s > self.max_duration_s:
            raise ValueError(
                f"min_duration_s={self.min_duration_s:g} is more than max_duration_s={self.max_duration_s:g}."
            )
        return self

    @property
    def width_px(self) -> int:
        """Width of the picture; even, as the codec wants it."""
        return round(self.size_px * 16 / 9 / 2) * 2
