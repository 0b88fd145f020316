"""What a clip may cost before it is refused. A 16 kB file can decode to half a gigabyte."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vidtune.config import Config


class ReadLimits(Config):
    """Limits on one clip, checked on its header before a frame is decoded, and on the process that decodes it."""

    max_pixels: Annotated[int, Field(ge=1)] = 7680 * 4320
    """Width times height of the stored frames. One decoded frame takes about 8 bytes a pixel."""

    max_frames: Annotated[int, Field(ge=1)] = 500_000
    """Frames in the stream; 4.6 hours at 30 frames a second."""

    max_duration_s: Annotated[float, Field(gt=0)] = 6 * 3600.0
    """Presentation time of the stream in seconds."""

    max_bytes: Annotated[int, Field(ge=1)] = 64 * 1024**3
    """Size of the file."""

    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Wall-clock time for opening and probing one clip, and again for decoding the frames that were chosen. What the
    decoder waited for a core is not counted (on Linux, which tells): a busy machine must not cost a clip."""

    is_isolated: bool = True
    """Decode in a process of its own, bounded by the next two limits, which a damaged or hostile file may kill without
    harm. Costs about two milliseconds a clip, and half a second once. False reads in this process."""

    max_memory_bytes: Annotated[int, Field(ge=64 * 1024**2)] = 2 * 1024**3
    """Address space that decoding may take in the isolated process. No effect without ``is_isolated``."""

    max_cpu_s: Annotated[float, Field(gt=0)] = 120.0
    """Processor time of one clip in the isolated process, all its threads together. No effect without
    ``is_isolated``."""
