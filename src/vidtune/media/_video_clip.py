"""A video file that is open in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from vidtune.media._clip import (
    PacketSizes,
    Scan,
    SourceFacts,
    Wanted,
    WantedScan,
    assemble,
    assemble_scan,
    chosen_indices,
    scanned_indices,
)
from vidtune.media._container import ClipFile, Deadline, open_container, translated
from vidtune.media._content import hash_of
from vidtune.media._decode import (
    OpenClip,
    PictureOptions,
    TimelineWrong,
    count_frames,
    decode_by_count,
    decode_by_time,
)
from vidtune.media._frameset import FrameSet
from vidtune.media._limits import ReadLimits
from vidtune.media._picture import Picture
from vidtune.media._probe import VideoInfo, describe
from vidtune.media._timeline import Timeline, walk_clip

_Choose = Callable[[Timeline], Sequence[int]]
_Pictures = dict[int, Picture]

# Of a larger file the content is hashed while its frames are decoded.
_HASH_BESIDE_FROM_BYTES = 4 * 1024**2


@contextmanager
def opened_video_clip(clip: ClipFile, limits: ReadLimits) -> Iterator[VideoClip]:
    """Open a file, walk it, and yield it; it is read as long as the block lasts.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    deadline = Deadline(clip, limits.timeout_s)
    with translated(clip, deadline):
        container, stream = open_container(clip, limits, deadline)
    try:
        with translated(clip, deadline):
            walk = walk_clip(clip, container, stream, limits, deadline)
            info = describe(clip, container, stream, walk.timeline)
        deadline.check()
        yield VideoClip(OpenClip(clip, container, stream, walk, limits), info)
    finally:
        container.close()


class VideoClip:
    """The frames of one open file."""

    def __init__(self, source: OpenClip, info: VideoInfo) -> None:
        self.info = info
        self._source = source
        self._counted: Timeline | None = None

    def decode(self, wanted: Wanted) -> FrameSet:
        """Return the frames on screen at the wanted times."""
        deadline = Deadline(self._source.clip, self._source.limits.timeout_s)
        with translated(self._source.clip, deadline):
            if self.info.size_bytes < _HASH_BESIDE_FROM_BYTES:
                frameset = self._decode(wanted, deadline)
                return replace(frameset, source_sha256=hash_of(self._source.clip))
            with ThreadPoolExecutor(1, thread_name_prefix="vidtune-hash") as pool:
                sha256 = pool.submit(hash_of, self._source.clip)
                frameset = self._decode(wanted, deadline)
                return replace(frameset, source_sha256=sha256.result())

    def _decode(self, wanted: Wanted, deadline: Deadline) -> FrameSet:
        timeline, pictures = self._read(
            lambda found: chosen_indices(found, wanted), PictureOptions(wanted.max_side_px), deadline
        )
        facts = SourceFacts("", self._num_lost(timeline), self._source.walk.num_corrupt)
        return assemble(timeline, chosen_indices(timeline, wanted), pictures, wanted, facts)

    def scan(self, wanted: WantedScan) -> Scan:
        """Return small frames at about the wanted rate, decoded without the loop filter."""
        source = self._source
        deadline = Deadline(source.clip, source.limits.timeout_s)
        options = PictureOptions(wanted.max_side_px, wanted.is_grey, is_rough=True)
        with translated(source.clip, deadline):
            # The open decoder may have been set up for exact frames already.
            container, stream = open_container(source.clip, source.limits, deadline)
            try:
                rough = replace(source, container=container, stream=stream)
                timeline, pictures = VideoClip(rough, self.info)._read(
                    lambda found: scanned_indices(found, wanted), options, deadline
                )
            finally:
                container.close()
        return assemble_scan(timeline, scanned_indices(timeline, wanted), pictures, self.info)

    def packet_sizes(self) -> PacketSizes:
        """Return the size of every coded frame; decodes nothing where the container gives times."""
        source = self._source
        deadline = Deadline(source.clip, source.limits.timeout_s)
        timeline, sizes = source.walk.timeline, source.walk.sizes_by_tick
        if timeline is None or sizes is None:
            with translated(source.clip, deadline):
                return self._sizes_in_file_order(self._count(deadline))
        keys = set(timeline.key_ticks)
        origin = timeline.ticks[0]
        ticks = np.array(timeline.ticks, dtype=np.int64)
        return PacketSizes(
            ((ticks - origin) * float(timeline.time_base)).astype(np.float64),
            np.array([sizes[tick] for tick in timeline.ticks], dtype=np.int64),
            np.array([tick in keys for tick in timeline.ticks], dtype=np.bool_),
        )

    def _sizes_in_file_order(self, timeline: Timeline) -> PacketSizes:
        """Without times the coded frames are taken to appear in the order of the file."""
        packets = self._source.walk.packets or ()
        num_frames = min(len(packets), timeline.num_frames)
        return PacketSizes(
            np.array([timeline.span_of(index)[0] for index in range(num_frames)], dtype=np.float64),
            np.array([packet.size for packet in packets[:num_frames]], dtype=np.int64),
            np.array([packet.is_keyframe for packet in packets[:num_frames]], dtype=np.bool_),
        )

    def _read(self, choose: _Choose, options: PictureOptions, deadline: Deadline) -> tuple[Timeline, _Pictures]:
        """Return the timeline that holds, and on it the pictures that ``choose`` asks for by place."""
        timeline = self._source.walk.timeline
        if self._counted is None and timeline is not None:
            ticks = {timeline.ticks[index]: index for index in choose(timeline)}
            try:
                found = decode_by_time(self._source, timeline, list(ticks), options, deadline)
                return timeline, {ticks[tick]: picture for tick, picture in found.items()}
            except TimelineWrong:
                pass
        timeline = self._count(deadline)
        return timeline, decode_by_count(self._source, choose(timeline), options, deadline)

    def _count(self, deadline: Deadline) -> Timeline:
        if self._counted is None:
            self._counted = count_frames(self._source, deadline)
        return self._counted

    def _num_lost(self, timeline: Timeline) -> int:
        """Return how many frames the file announces and no decoder shows, as far as that has come to light."""
        return max(0, self._source.walk.num_promised - timeline.num_frames) + timeline.num_missing
