"""What a clip can be read from, and how each kind is opened."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import VideoEmpty, VideoTooLarge
from vidtune.media._clip import Clip
from vidtune.media._container import ClipFile
from vidtune.media._frameset import FrameSet, frameset_from_array
from vidtune.media._isolated_clip import opened_isolated_clip
from vidtune.media._limits import ReadLimits
from vidtune.media._still_clip import DEFAULT_FPS, FrameFolder, open_folder, open_frames
from vidtune.media._video_clip import opened_video_clip

ClipSource = Path | str | bytes | FrameFolder | FrameSet | NDArray[np.uint8] | list[NDArray[np.uint8]]
"""A video file, its bytes, a folder of frames, or frames in memory (an array (t, h, w, 3) or a list of (h, w, 3); 25 of
them a second, unless they come as a ``FrameSet`` that says otherwise)."""


@dataclass(frozen=True)
class ClipPart:
    """A part of a recording: a window about which something is asked."""

    source: ClipSource
    start_s: float = 0.0
    """Seconds after the first frame."""

    end_s: float | None = None
    """None: to the end."""


_BYTES_LABEL = "(a clip in memory)"


@contextmanager
def opened_clip(source: ClipSource, limits: ReadLimits | None = None) -> Iterator[Clip]:
    """Open whatever ``source`` is; it can be read as long as the block lasts.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout, VideoDecoderDied: As ``read_frames``.
    """
    limits = limits or ReadLimits()
    if isinstance(source, FrameSet):
        yield open_frames(source, limits)
    elif isinstance(source, (np.ndarray, list)):
        yield open_frames(frameset_from_array(np.asarray(source), fps=DEFAULT_FPS), limits)
    elif isinstance(source, FrameFolder):
        yield open_folder(source, limits)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        with _nameless_file(bytes(source), limits) as descriptor, _opened_nameless(descriptor, limits) as clip:
            yield clip
    else:
        path = Path(source)
        if path.is_dir():
            yield open_folder(FrameFolder(path), limits)
            return
        opened = opened_isolated_clip if limits.is_isolated else opened_video_clip
        with opened(ClipFile.of(path), limits) as clip:
            yield clip


@contextmanager
def _opened_nameless(descriptor: int, limits: ReadLimits) -> Iterator[Clip]:
    clip = ClipFile(Path(f"/dev/fd/{descriptor}"), _BYTES_LABEL)
    if limits.is_isolated:
        with opened_isolated_clip(clip, limits, descriptor) as opened:
            yield opened
    else:
        with opened_video_clip(clip, limits) as opened:
            yield opened


@contextmanager
def _nameless_file(data: bytes, limits: ReadLimits) -> Iterator[int]:
    """Put ``data`` where FFmpeg can read it as a file: a file without a name, in memory where the system has such."""
    if not data:
        raise VideoEmpty(f"{_BYTES_LABEL} is empty (0 bytes).", "Check the upload.")
    if len(data) > limits.max_bytes:
        raise VideoTooLarge(
            f"{_BYTES_LABEL} has {len(data):,} bytes, the limit is {limits.max_bytes:,}.",
            "Cut the clip, or raise limits.max_bytes.",
        )
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("vidtune-clip"), "wb") as file:
            file.write(data)
            file.flush()
            yield file.fileno()
    else:
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.fileno()
