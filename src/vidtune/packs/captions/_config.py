"""What may be chosen about a captions pack."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vidtune.config import Config


class CaptionsConfig(Config):
    """Generated clips of moving people with several captions each."""

    num_clips: Annotated[int, Field(ge=4, le=100_000)] = 40
    """Short clips in MSR-VTT's and VATEX's schemas; 60 % train, 15 % validate, 25 % test."""

    num_films: Annotated[int, Field(ge=0, le=10_000)] = 8
    """Longer videos of several scenes, in ActivityNet Captions' schema: one event a scene."""

    captions_per_clip: Annotated[int, Field(ge=2, le=20)] = 5
    """Different captions of a clip; fewer where the language has no more ways to say it."""

    scenes_per_film: Annotated[int, Field(ge=2, le=8)] = 3
    """Scenes of a film, each with another person."""

    size_px: Annotated[int, Field(ge=32, le=1080, multiple_of=2)] = 112
    """Side of the square picture."""

    fps: Annotated[int, Field(ge=5, le=60)] = 12
    """Frames per second."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Decides everything. The same seed and config give the same bytes, whatever the number of workers."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that draw and encode. Has no effect on the bytes."""
