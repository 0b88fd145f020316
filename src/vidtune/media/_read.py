"""The doors to the frames of a clip: by a selector, by explicit times, as a cheap first look, as packet sizes.

Every kind of source goes through them and comes out under one contract (``FrameSet``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.media._cache import FrameCache, source_hash_of
from vidtune.media._clip import Clip, PacketSizes, ReadMode, Scan, Wanted, WantedScan, part_of
from vidtune.media._clip_view import ClipView
from vidtune.media._container import ClipFile
from vidtune.media._frameset import FrameSet
from vidtune.media._isolated_clip import walk_isolated
from vidtune.media._limits import ReadLimits
from vidtune.media._sampling import SamplingConfig, Selection, selectors
from vidtune.media._source import ClipPart, ClipSource, opened_clip
from vidtune.media._walk import WalkedFrame, WantedWalk, walk_here

if TYPE_CHECKING:
    from vidtune.media._probe import VideoInfo

# These look at nothing but the length of the clip, so what they choose is known before it is opened.
_BLIND_SELECTORS = ("uniform", "fps")


def read_frames(
    path: ClipSource | ClipPart,
    sampling: SamplingConfig,
    *,
    limits: ReadLimits | None = None,
    max_side_px: int | None = None,
    mode: ReadMode = "exact",
    start_s: float | None = None,
    end_s: float | None = None,
    query: str | None = None,
    cache: FrameCache | None = None,
) -> FrameSet:
    """Return the frames of a clip that ``sampling`` asks for.

    Args:
        path: The video file; or its bytes, a folder of frames (``FrameFolder`` says more), frames in memory. A
            ``ClipPart`` says which part of it is read, in place of ``start_s`` and ``end_s``.
        sampling: Which frames.
        limits: What the clip may cost.
        max_side_px: Scale frames down while decoding so that the longer side has at most this many pixels.
        mode: ``keyframe`` takes the key frames nearest to the chosen times: inexact in time, many times faster.
        start_s: Where the part to read begins, in seconds after the first frame. Times stay those of the whole clip.
        end_s: Where it ends.
        query: What the frames should be about, for selectors that can tell.
        cache: Where decoded frames are kept for the next read. None keeps nothing.

    Returns:
        As many frames as the selector asked for. When the clip has fewer, the nearest ones are repeated and
        ``FrameSet.padded`` says how often.

    Raises:
        VideoMissing: If the file is not there.
        VideoUnreadable: If it is not a video, is truncated, or its data cannot be decoded.
        VideoEmpty: If it has no bytes or no frame, or ends before the part begins.
        VideoTooLarge: If it passes ``limits``.
        VideoTimeout: If it takes longer than ``limits.timeout_s``.
        VideoDecoderDied: If it ends the process that decodes it; only with ``limits.is_isolated``.
    """
    if isinstance(path, ClipPart):
        start_s, end_s, path = path.start_s, path.end_s, path.source
    limits = limits or ReadLimits()
    contract: dict[str, Any] = {
        "max_side_px": max_side_px,
        "mode": mode,
        "start_s": start_s,
        "end_s": end_s,
        "limits": [limits.max_pixels, limits.max_frames, limits.max_duration_s],
    }

    def read() -> FrameSet:
        with opened_clip(path, limits) as clip:
            start, end = part_of(clip.info.duration_s, start_s or 0.0, end_s)
            selection = _select(clip, sampling, query, start, end)
            times_s = tuple(start + time_s for time_s in selection.times_s)

            def decode() -> FrameSet:
                return clip.decode(Wanted(times_s, max_side_px, mode, start, end_s))

            frameset = (
                decode()
                if is_blind or key is None
                else cache.get_or_read(  # type: ignore[union-attr]
                    key, {**contract, "times_s": times_s}, decode
                )
            )
            return replace(frameset, reasons=selection.reasons)

    is_blind = sampling.kind in _BLIND_SELECTORS
    key = source_hash_of(path, limits) if cache is not None else None
    if cache is None or key is None or not is_blind:
        return read()
    return cache.get_or_read(key, {**contract, "sampling": sampling.model_dump(mode="json")}, read)


def decode_at(
    source: ClipSource,
    times_s: Sequence[float],
    *,
    limits: ReadLimits | None = None,
    max_side_px: int | None = None,
    mode: ReadMode = "exact",
    start_s: float | None = None,
    end_s: float | None = None,
) -> FrameSet:
    """Return the frames on screen at ``times_s``, ascending.

    Args:
        source: As ``path`` of ``read_frames``.
        times_s: In seconds after the first frame of the clip; at least one. A time beyond the end gives the last frame.
        limits: What the clip may cost.
        max_side_px: Scale down while decoding so that the longer side has at most this many pixels.
        mode: ``keyframe`` takes the nearest key frames instead; ``FrameSet.times_s`` stays true.
        start_s: Of the part of the clip that coverage is measured on.
        end_s: Of that part.

    Raises:
        ValueError: If there is no time.
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout, VideoDecoderDied: As ``read_frames``.
    """
    if not len(times_s):
        raise ValueError("times_s is empty; at least one frame must be asked for.")
    with opened_clip(source, limits) as clip:
        return clip.decode(Wanted(tuple(map(float, times_s)), max_side_px, mode, start_s or 0.0, end_s))


def scan(
    source: ClipSource,
    *,
    rate_hz: float,
    max_side_px: int = 96,
    gray: bool = False,
    limits: ReadLimits | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
) -> Scan:
    """Return small frames of a clip, about ``rate_hz`` a second: a cheap first look for selectors.

    Key frames are taken where one is near enough, no frame is decoded that none of these needs, the loop filter is left
    out and frames are scaled while converted. The times are true.

    Args:
        source: As ``path`` of ``read_frames``.
        rate_hz: Frames a second; never more than the clip has.
        max_side_px: Of the frames.
        gray: One channel instead of three.
        limits: What the clip may cost.
        start_s: Where the part to look at begins.
        end_s: Where it ends.
    """
    with opened_clip(source, limits) as clip:
        return clip.scan(WantedScan(rate_hz, max_side_px, gray, start_s or 0.0, end_s))


def packet_sizes(source: ClipSource, *, limits: ReadLimits | None = None) -> PacketSizes:
    """Return time, size and kind of every coded frame of a clip, in display order. Decodes nothing.

    Only where the container gives no times (AVI with B-frames) does the clip have to be decoded for them.
    """
    with opened_clip(source, limits) as clip:
        return clip.packet_sizes()


def walk_frames(
    path: Path, wanted: WantedWalk | None = None, *, limits: ReadLimits | None = None
) -> Iterator[WalkedFrame]:
    """Yield every frame of a file that can be decoded, in display order.

    A file that was cut ends early without a word, or with ``VideoUnreadable`` after its last good frame: whoever must
    have all frames compares their number with ``probe_video``.

    Args:
        path: The video file.
        wanted: Size and colour; None: RGB, as large as they are.
        limits: What it may cost; time that the caller takes between two frames does not count.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout, VideoDecoderDied: As ``read_frames``.
    """
    limits = limits or ReadLimits()
    walk = walk_isolated if limits.is_isolated else walk_here
    return walk(ClipFile.of(path), wanted or WantedWalk(), limits)


def probe_video(path: ClipSource, *, limits: ReadLimits | None = None) -> VideoInfo:
    """Return what ``path`` is. Its index or its packets are read, so a truncated file is found; no frame is decoded.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout, VideoDecoderDied: As ``read_frames``.
    """
    with opened_clip(path, limits) as clip:
        return clip.info


def _select(clip: Clip, sampling: SamplingConfig, query: str | None, start_s: float, end_s: float) -> Selection:
    info = replace(clip.info, duration_s=end_s - start_s)
    selection = selectors.get(sampling.kind).select(
        ClipView(info, _PartReader(clip, start_s, end_s), query=query), sampling
    )
    if not selection.times_s:
        raise ValueError("the selector returned no time; a clip has at least one frame.")
    return selection


class _PartReader:
    """What a selector sees of a part of an open clip: as if it were all there is."""

    def __init__(self, clip: Clip, start_s: float, end_s: float) -> None:
        self._clip = clip
        self._start_s = start_s
        self._end_s = end_s

    def scan(self, wanted: WantedScan) -> Scan:
        found = self._clip.scan(replace(wanted, start_s=self._start_s, end_s=self._end_s))
        return replace(found, times_s=found.times_s - self._start_s)

    def packet_sizes(self) -> PacketSizes:
        sizes = self._clip.packet_sizes()
        is_inside = (sizes.times_s >= self._start_s) & (sizes.times_s < self._end_s)
        return PacketSizes(
            sizes.times_s[is_inside] - self._start_s, sizes.sizes_bytes[is_inside], sizes.is_keyframe[is_inside]
        )
