"""Read the frames that a selector asks for: exact ones, from disk into memory, upright.

A frame is found by its presentation time: seek to the key frame before it and decode forward. Where the container does
not say when its packets are shown, or the decoder shows other frames than it says, the clip is decoded from the start
and its frames are counted. Both ways give the frames that a sequential decode gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidtune.core.errors import VideoEmpty
from vidtune.core.hashing import sha256_file
from vidtune.media._container import Deadline, opened_video, time_base_of
from vidtune.media._frameset import FrameSet, measure_coverage
from vidtune.media._limits import ReadLimits
from vidtune.media._probe import describe
from vidtune.media._sampling import SamplingConfig, selectors
from vidtune.media._timeline import Timeline, make_timeline, walk_packets

# Frame threads delay the first frame and cost more than they bring on small pictures.
_THREADS_FROM_PIXELS = 1280 * 720


@dataclass(frozen=True)
class _Picture:
    """One decoded frame, upright."""

    rgb_hwc: NDArray[np.uint8]
    rotation_deg: int
    is_damaged: bool


class _TimelineWrong(Exception):
    """The decoder does not show a frame that the packets announced."""


def read_frames(
    path: Path | str,
    sampling: SamplingConfig,
    *,
    limits: ReadLimits | None = None,
    max_side_px: int | None = None,
) -> FrameSet:
    """Return the frames of a clip that ``sampling`` asks for.

    Args:
        path: The video file. Nothing is written anywhere.
        sampling: Which frames.
        limits: What the clip may cost.
        max_side_px: Scale frames down while decoding so that the longer side has at most this many pixels.

    Returns:
        As many frames as were asked for. When the clip has fewer, the nearest ones are repeated and
        ``FrameSet.padded`` says how often.

    Raises:
        VideoMissing: If the file is not there.
        VideoUnreadable: If it is not a video, is truncated, or its data cannot be decoded.
        VideoEmpty: If it has no bytes or no frame.
        VideoTooLarge: If it passes ``limits``.
        VideoTimeout: If it takes longer than ``limits.timeout_s``.
    """
    path, limits = Path(path), limits or ReadLimits()
    deadline = Deadline(path, limits.timeout_s)
    with opened_video(path, limits, deadline) as (container, stream):
        timeline = walk_packets(path, container, stream, limits, deadline)
        info = describe(path, container, stream, timeline)
    if timeline is not None:
        indices = _indices(timeline, selectors.get(sampling.kind).select_times(info, sampling))
        try:
            with opened_video(path, limits, deadline) as (container, stream):
                pictures = _decode_by_time(container, stream, timeline, sorted(set(indices)), max_side_px, deadline)
            return _assemble(path, timeline, indices, pictures)
        except _TimelineWrong:
            pass
    with opened_video(path, limits, deadline) as (container, stream):
        timeline = _walk_frames(path, container, stream, deadline)
        info = describe(path, container, stream, timeline)
    indices = _indices(timeline, selectors.get(sampling.kind).select_times(info, sampling))
    with opened_video(path, limits, deadline) as (container, stream):
        pictures = _decode_by_count(container, stream, sorted(set(indices)), max_side_px, deadline)
    return _assemble(path, timeline, indices, pictures)


def _indices(timeline: Timeline, times_s: Sequence[float]) -> list[int]:
    if not times_s:
        raise ValueError("the selector returned no time; a clip has at least one frame.")
    return sorted(timeline.index_at(time_s) for time_s in times_s)


def _assemble(path: Path, timeline: Timeline, indices: list[int], pictures: dict[int, _Picture]) -> FrameSet:
    chosen = [pictures[index] for index in indices]
    spans_s = [timeline.span_of(index) for index in indices]
    return FrameSet(
        frames_thwc=np.stack([picture.rgb_hwc for picture in chosen]),
        indices=tuple(indices),
        times_s=tuple(from_s for from_s, _ in spans_s),
        fps=timeline.fps,
        rotation_deg=chosen[0].rotation_deg,
        duration_s=timeline.duration_s,
        coverage=measure_coverage(spans_s, timeline.duration_s),
        source_sha256=sha256_file(path),
        num_requested=len(indices),
        padded=len(indices) - len(set(indices)),
        num_damaged=sum(picture.is_damaged for picture in chosen),
    )


def _decode_by_time(
    container: InputContainer,
    stream: VideoStream,
    timeline: Timeline,
    indices: list[int],
    max_side_px: int | None,
    deadline: Deadline,
) -> dict[int, _Picture]:
    _set_threads(stream)
    pictures: dict[int, _Picture] = {}
    frames: Iterator[VideoFrame] = iter(())
    shown_tick: int | None = None
    for index in indices:
        tick = timeline.ticks[index]
        key_tick = timeline.key_before(tick)
        if shown_tick is None or key_tick > shown_tick:
            frames, shown_tick = _decode_from(container, stream, timeline, key_tick), None
        for frame in frames:
            deadline.check()
            if frame.pts is None or frame.pts > tick or (shown_tick is not None and frame.pts <= shown_tick):
                raise _TimelineWrong
            shown_tick = frame.pts
            if frame.pts == tick:
                pictures[index] = _to_picture(frame, stream, max_side_px)
                break
        if index not in pictures:
            raise _TimelineWrong
    return pictures


def _decode_from(
    container: InputContainer, stream: VideoStream, timeline: Timeline, key_tick: int
) -> Iterator[VideoFrame]:
    """Decode from the key frame shown at ``key_tick`` to the end."""
    is_at_start = key_tick <= timeline.ticks[0]
    container.seek(timeline.ticks[0] if is_at_start else key_tick, stream=stream)
    has_begun = False
    for packet in container.demux(stream):
        if not has_begun and packet.size:
            if not packet.is_keyframe and not is_at_start:
                continue
            # Containers seek by decoding time or by position in the file, and some land too late.
            if packet.pts is None or packet.pts > key_tick:
                raise _TimelineWrong
            has_begun = True
        yield from packet.decode()


def _decode_by_count(
    container: InputContainer, stream: VideoStream, indices: list[int], max_side_px: int | None, deadline: Deadline
) -> dict[int, _Picture]:
    _set_threads(stream)
    wanted = set(indices)
    pictures: dict[int, _Picture] = {}
    for index, frame in enumerate(_checked(container.decode(stream), deadline)):
        if index in wanted:
            pictures[index] = _to_picture(frame, stream, max_side_px)
        if index == indices[-1]:
            break
    return pictures


def _walk_frames(path: Path, container: InputContainer, stream: VideoStream, deadline: Deadline) -> Timeline:
    """Decode the whole stream and return the timeline of the frames that the decoder shows."""
    _set_threads(stream)
    ticks: list[int | None] = []
    end_tick = 0
    for frame in _checked(container.decode(stream), deadline):
        ticks.append(frame.pts)
        end_tick = max(end_tick, (frame.pts or 0) + (frame.duration or 0))
    if not ticks:
        raise VideoEmpty(f"{path} has a video stream, and not a single frame in it can be decoded.", "Export it again.")
    known = [tick for tick in ticks if tick is not None]
    if len(known) == len(ticks) and all(earlier < later for earlier, later in zip(known, known[1:], strict=False)):
        return make_timeline(known, end_tick, stream)
    # Without usable times the frames are taken to be evenly spaced at the stream's rate.
    ticks_a_frame = max(1, round(1 / ((stream.average_rate or 25) * time_base_of(stream))))
    even = [index * ticks_a_frame for index in range(len(ticks))]
    return make_timeline(even, even[-1] + ticks_a_frame, stream)


def _checked(frames: Iterable[VideoFrame], deadline: Deadline) -> Iterator[VideoFrame]:
    for frame in frames:
        deadline.check()
        yield frame


def _set_threads(stream: VideoStream) -> None:
    if stream.width * stream.height >= _THREADS_FROM_PIXELS:
        stream.thread_type = "AUTO"


def _to_picture(frame: VideoFrame, stream: VideoStream, max_side_px: int | None) -> _Picture:
    """Convert to RGB at the stream's size (a stream may change its size midway), scaled and upright."""
    width_px, height_px = stream.width, stream.height
    if max_side_px is not None and max(width_px, height_px) > max_side_px:
        scale = max_side_px / max(width_px, height_px)
        width_px, height_px = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    is_scaled = (width_px, height_px) != (frame.width, frame.height)
    rgb = frame.reformat(width_px, height_px, "rgb24", interpolation="AREA" if is_scaled else "BICUBIC")
    num_quarter_turns = round(frame.rotation / 90) % 4
    upright_hwc = np.ascontiguousarray(np.rot90(rgb.to_ndarray(), num_quarter_turns), dtype=np.uint8)
    return _Picture(upright_hwc, num_quarter_turns * 90, frame.is_corrupt)
