"""What a clip is: size, length, rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from vidtune.media._container import ClipFile
from vidtune.media._timeline import Timeline


@dataclass(frozen=True)
class VideoInfo:
    """Facts of one clip."""

    path: Path
    container: str
    """Name of the demuxer, e.g. ``mov,mp4,m4a,3gp,3g2,mj2``."""

    codec: str
    width_px: int
    """As stored, before rotation."""

    height_px: int
    """As stored, before rotation."""

    fps: float
    """Mean frames per second."""

    duration_s: float
    """Presentation time, the last frame included."""

    num_frames: int | None
    """Counted, not taken from the header. None when only decoding can tell."""

    size_bytes: int
    has_audio: bool


def describe(clip: ClipFile, container: InputContainer, stream: VideoStream, timeline: Timeline | None) -> VideoInfo:
    """Return the facts of an open clip; without a timeline, what the header says."""
    if timeline is not None:
        fps, duration_s = timeline.fps, timeline.duration_s
    else:
        fps = float(stream.average_rate or 25)
        ticks = stream.duration or 0
        duration_s = float(ticks * (stream.time_base or 0)) or max(stream.frames, 1) / fps
    return VideoInfo(
        path=Path(clip.label),
        container=container.format.name,
        codec=stream.codec_context.name,
        width_px=stream.width,
        height_px=stream.height,
        fps=fps,
        duration_s=duration_s,
        num_frames=timeline.num_frames if timeline is not None else None,
        size_bytes=clip.path.stat().st_size,
        has_audio=len(container.streams.audio) > 0,
    )
