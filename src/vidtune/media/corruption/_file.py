"""Damage a video file: read it whole or piece by piece, damage it, write what came out as an mp4."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidtune.core.durable import write_atomic
from vidtune.core.errors import FramesShort, VideoTooLarge
from vidtune.core.hashing import sha256_bytes, sha256_file
from vidtune.media._container import Deadline, opened_video
from vidtune.media._frameset import FrameSet
from vidtune.media._limits import ReadLimits
from vidtune.media._probe import VideoInfo
from vidtune.media._read import probe_video, walk_frames
from vidtune.media._walk import WalkedFrame, WantedWalk
from vidtune.media.corruption._clip import Pixels
from vidtune.media.corruption._corruption import CorruptionConfig, corrupt_frames, corruptions
from vidtune.media.corruption._encode import encode_frames

Shown = tuple[float, Pixels, int]
"""When a frame appears, its pixels, and which frame of the source it is."""

_PIECE_FRAMES = 32
_FAITHFUL_CRF = 8
"""So good that what the writer adds is far below every damage."""

_AUDIO_IN_MP4 = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "flac"})


@dataclass(frozen=True)
class DamagedVideo:
    """What was written."""

    path: Path
    sha256: str
    source_sha256: str
    num_frames: int
    """In the new file; lost frames are not in it."""

    is_copy: bool
    """Whether it is the source itself, byte for byte."""


def corrupt_video(
    source: Path,
    target: Path,
    config: CorruptionConfig,
    *,
    limits: ReadLimits | None = None,
    max_side_px: int | None = None,
    max_memory_bytes: int = 4 * 1024**3,
) -> DamagedVideo:
    """Write a damaged copy of a clip: upright, H.264 in mp4, each frame at the time it had; sound is kept.

    At severity 0 the file is copied byte for byte. Otherwise the same call gives the same bytes.

    Args:
        source: The undamaged file.
        target: Where the copy goes, atomically; it should end in ``.mp4``.
        config: The damage.
        limits: What reading may cost.
        max_side_px: Scale down first, for instance to what the model will see.
        max_memory_bytes: For the frames of a clip that must be damaged as a whole.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
        FramesShort: If fewer frames can be decoded than the file lists.
        DiskFull: If there is no room.
    """
    limits = limits or ReadLimits()
    info = probe_video(source, limits=limits)
    source_sha256 = sha256_file(source)
    if config.changes_nothing:
        data = source.read_bytes()
        write_atomic(target, data)
        return DamagedVideo(target, source_sha256, source_sha256, info.num_frames or 0, is_copy=True)
    corruption = corruptions.get(config.kind)
    frames = _all_frames(source, info, limits, max_side_px)
    first = next(frames)
    frames = itertools.chain([first], frames)
    if corruption.encodes_crf:
        shown: Iterator[Shown] = ((frame.time_s, frame.pixels_hwc, frame.index) for frame in frames)
        crf = round(config.resolved()["crf"])
    else:
        if corruption.needs_whole_clip:
            _check_memory(source, info, first, max_memory_bytes)
        pieces = [list(frames)] if corruption.needs_whole_clip else _pieces(frames)
        shown = _damaged(pieces, info, source_sha256, config)
        crf = _FAITHFUL_CRF
    if corruption.drops_frames:
        shown = _without_repeats(shown)
    timed = ((time_s, frame_hwc) for time_s, frame_hwc, _ in shown)
    mp4, num_frames = encode_frames(timed, first.pixels_hwc.shape[:2], fps=info.fps, crf=crf)
    data = _with_sound(mp4, source, limits) if info.has_audio else mp4
    write_atomic(target, data)
    return DamagedVideo(target, sha256_bytes(data), source_sha256, num_frames, is_copy=False)


def _all_frames(source: Path, info: VideoInfo, limits: ReadLimits, max_side_px: int | None) -> Iterator[WalkedFrame]:
    num_frames = 0
    for frame in walk_frames(source, WantedWalk(max_side_px), limits=limits):
        num_frames += 1
        yield frame
    if num_frames == 0 or (info.num_frames is not None and num_frames < info.num_frames):
        raise FramesShort(
            f"{source} lists {info.num_frames} frames, {num_frames} can be decoded.",
            "Fetch or export the file again, or leave it out of the data set.",
        )


def _check_memory(source: Path, info: VideoInfo, first: WalkedFrame, max_memory_bytes: int) -> None:
    num_frames = info.num_frames or round(info.duration_s * info.fps)
    # The frames, their damaged copy, and what is in between.
    needed_bytes = 3 * num_frames * first.pixels_hwc.nbytes
    if needed_bytes > max_memory_bytes:
        raise VideoTooLarge(
            f"{source} must be damaged as a whole: {num_frames:,} frames take {needed_bytes:,} bytes, "
            f"the limit is {max_memory_bytes:,}.",
            "Cut the clip, or have it scaled down with max_side_px.",
        )


def _pieces(frames: Iterator[WalkedFrame]) -> Iterator[list[WalkedFrame]]:
    while piece := list(itertools.islice(frames, _PIECE_FRAMES)):
        yield piece


def _damaged(
    pieces: Iterable[list[WalkedFrame]], info: VideoInfo, source_sha256: str, config: CorruptionConfig
) -> Iterator[Shown]:
    for piece in pieces:
        frameset = FrameSet(
            frames_thwc=np.stack([frame.pixels_hwc for frame in piece]),
            indices=tuple(frame.index for frame in piece),
            times_s=tuple(frame.time_s for frame in piece),
            fps=info.fps,
            rotation_deg=0,
            duration_s=info.duration_s,
            coverage=1.0,
            source_sha256=source_sha256,
            num_requested=len(piece),
        )
        damaged = corrupt_frames(frameset, config)
        yield from zip(damaged.times_s, damaged.frames_thwc, damaged.indices, strict=True)


def _without_repeats(shown: Iterator[Shown]) -> Iterator[Shown]:
    """Leave out frames that only hold the one before; the last one stays, so that the clip keeps its length."""
    previous_index: int | None = None
    held: Shown | None = None
    for item in shown:
        if item[2] == previous_index:
            held = item
            continue
        held, previous_index = None, item[2]
        yield item
    if held is not None:
        yield held


def _with_sound(mp4: bytes, source: Path, limits: ReadLimits) -> bytes:
    """Return the clip with the source's first sound track, where an mp4 can hold it as it is."""
    file = io.BytesIO()
    with (
        opened_video(source, limits, Deadline(source, limits.timeout_s)) as (sounds, video),
        av.open(io.BytesIO(mp4), "r", format="mp4") as pictures,
        av.open(file, "w", format="mp4") as out,
    ):
        track = sounds.streams.audio[0]
        if track.codec_context.name not in _AUDIO_IN_MP4:
            return mp4
        starts_s = Fraction(video.start_time or 0) * Fraction(video.time_base or 0)
        new_video = out.add_stream_from_template(pictures.streams.video[0])
        new_track = out.add_stream_from_template(track)
        for picture in pictures.demux(pictures.streams.video[0]):
            if picture.dts is not None:
                picture.stream = new_video
                out.mux(picture)
        for sound in sounds.demux(track):
            if sound.dts is None or sound.pts is None:
                continue
            # The damaged clip begins with its first frame; sound from before it is left out.
            shift = round(starts_s / Fraction(sound.time_base or 1))
            sound.pts, sound.dts = sound.pts - shift, sound.dts - shift
            if sound.dts >= 0:
                sound.stream = new_track
                out.mux(sound)
    return file.getvalue()
