"""Decode the wanted frames of an open clip, and as few others as the format allows.

The wanted frames are grouped by the key frame that decoding must begin at. Each group is decoded from there to its last
wanted frame; coded frames that no other is built from are left out unless they are wanted (``_skipping``). Long work is
spread over threads, one decoder each, the longest group first: FFmpeg decodes outside Python's lock.

A frame is known by its presentation time. When the decoder does not show a frame that the container announced,
``TimelineWrong`` is raised and the caller counts frames from the start instead (``decode_by_count``). Both ways give
the frames that a sequential decode gives.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidtune.core.environment import num_usable_cores
from vidtune.core.errors import VideoEmpty
from vidtune.media._container import ClipFile, Deadline, opened_video, time_base_of
from vidtune.media._limits import ReadLimits
from vidtune.media._picture import Picture, PictureMaker
from vidtune.media._skipping import SkipRule, skip_rule_of
from vidtune.media._timeline import Timeline, Walk, make_timeline

# About what decoding costs: so much a pixel, and so much a byte of entropy coding, which is most of a key frame.
_PIXEL_S, _BYTE_S = 1.5e-9, 7e-8
# Below this much work opening the file once more costs as much as it brings.
_WORK_A_THREAD_S = 0.02
_MAX_THREADS = 8
# Frame threads delay the first frame and cost more than they bring on small pictures.
_FRAME_THREADS_FROM_PIXELS = 1280 * 720
_FRAME_THREADS_FROM_FRAMES = 12
# How far before a key frame to look for it, when looking right there lands behind it.
_SEEK_BACK_S = (0, 2, 10, 60)


class TimelineWrong(Exception):
    """The decoder does not show a frame that the packets announced."""


@dataclass(frozen=True)
class PictureOptions:
    """What becomes of a decoded frame."""

    max_side_px: int | None = None
    is_grey: bool = False
    is_rough: bool = False
    """Decode without the loop filter: faster, a grey level or two off; for a first look only."""


@dataclass(frozen=True)
class OpenClip:
    """A file that has been opened and walked."""

    clip: ClipFile
    container: InputContainer
    stream: VideoStream
    walk: Walk
    limits: ReadLimits


@dataclass(frozen=True)
class _Group:
    """Wanted frames that are decoded from one key frame."""

    key_tick: int
    ticks: tuple[int, ...]
    num_frames: int
    """From the key frame to the last wanted one."""


def decode_by_time(
    source: OpenClip, timeline: Timeline, ticks: Sequence[int], options: PictureOptions, deadline: Deadline
) -> dict[int, Picture]:
    """Return the frames that appear at ``ticks``.

    Raises:
        TimelineWrong: If the decoder does not show one of them.
    """
    groups = sorted(_group(timeline, ticks), key=lambda group: -group.num_frames)
    num_threads = _num_threads(source, timeline, groups)
    work = _Work(groups)
    if num_threads == 1:
        _set_threads(source.stream, groups, options)
        return _GroupDecoder(source, source.container, source.stream, timeline, options, deadline).run(work)

    def run_beside() -> dict[int, Picture]:
        with opened_video(source.clip, source.limits, deadline) as (container, stream):
            _set_threads(stream, (), options)
            return _GroupDecoder(source, container, stream, timeline, options, deadline).run(work)

    with ThreadPoolExecutor(num_threads - 1, thread_name_prefix="vidtune-decoder") as pool:
        beside = [pool.submit(run_beside) for _ in range(num_threads - 1)]
        _set_threads(source.stream, (), options)
        pictures = _GroupDecoder(source, source.container, source.stream, timeline, options, deadline).run(work)
        for future in beside:
            pictures.update(future.result())
    return pictures


def decode_by_count(
    source: OpenClip, indices: Sequence[int], options: PictureOptions, deadline: Deadline
) -> dict[int, Picture]:
    """Return the frames at these places of a sequential decode."""
    wanted, last = set(indices), max(indices)
    pictures: dict[int, Picture] = {}
    with opened_video(source.clip, source.limits, deadline) as (container, stream):
        set_all_threads(stream)
        maker = _maker(stream, options)
        for index, frame in enumerate(_checked(container.decode(stream), deadline)):
            if index in wanted:
                pictures[index] = maker.make(frame)
            if index == last:
                break
    return pictures


def count_frames(source: OpenClip, deadline: Deadline) -> Timeline:
    """Decode the whole stream and return the timeline of the frames that the decoder shows."""
    ticks: list[int | None] = []
    end_tick = 0
    with opened_video(source.clip, source.limits, deadline) as (container, stream):
        set_all_threads(stream)
        for frame in _checked(container.decode(stream), deadline):
            ticks.append(frame.pts)
            end_tick = (frame.pts or 0) + (frame.duration or 0)
    if not ticks:
        raise VideoEmpty(
            f"{source.clip} has a video stream, and not a single frame in it can be decoded.", "Export it again."
        )
    known = [tick for tick in ticks if tick is not None]
    if len(known) == len(ticks) and all(earlier < later for earlier, later in zip(known, known[1:], strict=False)):
        return make_timeline(known, end_tick, source.stream)
    # Without usable times the frames are taken to be evenly spaced at the stream's rate.
    ticks_a_frame = max(1, round(1 / ((source.stream.average_rate or 25) * time_base_of(source.stream))))
    even = [index * ticks_a_frame for index in range(len(ticks))]
    return make_timeline(even, even[-1] + ticks_a_frame, source.stream)


class _Work:
    """Groups that are still to be decoded; each is taken once."""

    def __init__(self, groups: Iterable[_Group]) -> None:
        self._groups = iter(list(groups))
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[_Group]:
        while (group := self._take()) is not None:
            yield group

    def _take(self) -> _Group | None:
        with self._lock:
            return next(self._groups, None)


class _GroupDecoder:
    """One decoder that takes group after group."""

    def __init__(
        self,
        source: OpenClip,
        container: InputContainer,
        stream: VideoStream,
        timeline: Timeline,
        options: PictureOptions,
        deadline: Deadline,
    ) -> None:
        self._source = source
        self._packets = source.walk.packets
        self._first_pts = source.walk.first_pts
        self._places = {packet.pts: place for place, packet in enumerate(self._packets or ())}
        self._container = container
        self._stream = stream
        self._timeline = timeline
        self._maker = _maker(stream, options)
        self._rule = skip_rule_of(stream)
        self._deadline = deadline

    def run(self, work: _Work) -> dict[int, Picture]:
        """Return the frames of all groups that this decoder got hold of."""
        pictures: dict[int, Picture] = {}
        for group in work:
            found = self._decode(group, self._rule)
            if self._rule is not None and any(picture.is_damaged for picture in found.values()):
                # How a decoder patches damage up may depend on frames that nothing is built from.
                found = self._decode(group, None)
            pictures.update(found)
        return pictures

    def _decode(self, group: _Group, rule: SkipRule | None) -> dict[int, Picture]:
        decoder = self._stream.codec_context
        missing = set(group.ticks)
        pictures: dict[int, Picture] = {}

        def take(frames: Iterable[VideoFrame]) -> None:
            for frame in frames:
                if frame.pts in missing and frame.pts not in pictures:
                    pictures[frame.pts] = self._maker.make(frame)

        num_to_feed = len(missing)
        for packet in self._packets_from(group.key_tick):
            self._deadline.check()
            is_wanted = packet.pts in missing
            if not is_wanted and rule is not None and rule(memoryview(packet)):
                continue
            take(decoder.decode(packet))
            num_to_feed -= is_wanted
            if not num_to_feed:
                break
        take(decoder.decode(None))
        decoder.flush_buffers()
        if len(pictures) < len(missing):
            raise TimelineWrong
        return pictures

    def _packets_from(self, key_tick: int) -> Iterator[Packet[VideoStream]]:
        """Yield the packets from the key frame shown at ``key_tick`` on, in decoding order."""
        is_at_start = key_tick <= self._timeline.ticks[0]
        if self._packets is not None:
            place = 0 if is_at_start else self._places.get(key_tick)
            if place is None:
                raise TimelineWrong
            yield from self._packets[place:]
            return
        for back_s in _SEEK_BACK_S:
            found = self._seek(key_tick, round(back_s / self._timeline.time_base), is_at_start)
            if found is not None:
                yield found
                yield from (packet for packet in self._container.demux(self._stream) if packet.size)
                return
        if not is_at_start:
            raise TimelineWrong
        # Some containers find every place but the first; a file that was just opened is there.
        with opened_video(self._source.clip, self._source.limits, self._deadline) as (container, stream):
            yield from (packet for packet in container.demux(stream) if packet.size)

    def _seek(self, key_tick: int, back_ticks: int, is_at_start: bool) -> Packet[VideoStream] | None:
        """Return the packet that decoding begins with; None when seeking landed behind it.

        Containers seek by decoding time or by position in the file, and some land too late.
        """
        first_tick = self._timeline.ticks[0]
        self._container.seek(max(first_tick, key_tick - back_ticks), stream=self._stream)
        for packet in self._container.demux(self._stream):
            self._deadline.check()
            if not packet.size:
                continue
            if is_at_start:
                return packet if packet.pts == self._first_pts else None
            if packet.pts is not None and packet.is_keyframe and packet.pts >= key_tick:
                return packet if packet.pts == key_tick else None
        return None


def _group(timeline: Timeline, ticks: Sequence[int]) -> list[_Group]:
    by_key: dict[int, list[int]] = {}
    for tick in sorted(set(ticks)):
        by_key.setdefault(timeline.key_before(tick), []).append(tick)
    return [
        _Group(key, tuple(found), timeline.index_of(found[-1]) - timeline.index_of(key) + 1)
        for key, found in by_key.items()
    ]


def _num_threads(source: OpenClip, timeline: Timeline, groups: Sequence[_Group]) -> int:
    most = min(num_usable_cores(), _MAX_THREADS, len(groups))
    return max(1, min(most, int(_work_s(source, timeline, groups) / _WORK_A_THREAD_S))) if most > 1 else 1


def _work_s(source: OpenClip, timeline: Timeline, groups: Sequence[_Group]) -> float:
    """Return about how many seconds one decoder takes for all groups."""
    sizes = source.walk.sizes_by_tick or {}
    num_frames = sum(group.num_frames for group in groups)
    places = ((timeline.index_of(group.key_tick), group.num_frames) for group in groups)
    ticks = (timeline.ticks[start : start + num] for start, num in places)
    num_bytes = sum(sizes.get(tick, 0) for of_group in ticks for tick in of_group)
    return num_frames * source.stream.width * source.stream.height * _PIXEL_S + num_bytes * _BYTE_S


def _set_threads(stream: VideoStream, groups: Sequence[_Group], options: PictureOptions) -> None:
    """Give a decoder that works alone on long groups all processors, and any other one."""
    decoder = stream.codec_context
    if decoder.is_open:
        return
    if options.is_rough:
        decoder.options = {"skip_loop_filter": "all"}
    is_long = bool(groups) and max(group.num_frames for group in groups) >= _FRAME_THREADS_FROM_FRAMES
    if is_long and stream.width * stream.height >= _FRAME_THREADS_FROM_PIXELS:
        set_all_threads(stream)
    else:
        decoder.thread_count = 1


def set_all_threads(stream: VideoStream) -> None:
    """Let a decoder use all processors, where the pictures are large enough for that to pay."""
    if stream.width * stream.height >= _FRAME_THREADS_FROM_PIXELS:
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(num_usable_cores(), _MAX_THREADS)
    else:
        stream.codec_context.thread_count = 1


def _maker(stream: VideoStream, options: PictureOptions) -> PictureMaker:
    return PictureMaker(stream.width, stream.height, options.max_side_px, is_grey=options.is_grey)


def _checked(frames: Iterable[VideoFrame], deadline: Deadline) -> Iterator[VideoFrame]:
    for frame in frames:
        deadline.check()
        yield frame
