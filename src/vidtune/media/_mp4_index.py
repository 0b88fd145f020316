"""Read when every frame of an MP4 or MOV file appears from the file's own index, without reading the frames.

Only the plain case is read: one sample table, at most one edit that shows all of it. Everything else (fragments, cuts
by edit list, tables that do not agree) gives None, and the packets are walked instead. Nothing here is trusted further
than that: whoever decodes checks that each frame appears when this table says.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_MAX_INDEX_BYTES = 256 * 1024**2
_CONTAINERS = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl"}
_MAX_TOP_BOXES = 10_000


@dataclass(frozen=True, eq=False)
class SampleTable:
    """The frames of one track in decoding order, in ticks of the track's clock."""

    ticks: NDArray[np.int64]
    """When each appears; counted from an origin that is the file's own."""

    durations: NDArray[np.int64]
    sizes_bytes: NDArray[np.int64]
    is_keyframe: NDArray[np.bool_]
    last_chunk_start: int
    """Where the last piece of the track begins in the file."""


class _Unusual(Exception):
    """The file is not of the plain kind."""


def read_sample_table(file: BinaryIO, track_id: int, max_frames: int) -> SampleTable | None:
    """Return the table of a track; None when the file is not of the plain kind or its index is damaged."""
    try:
        index = _find_index(file)
        movie = dict(_flat(index))
        movie_scale = _timescale(movie[b"mvhd"])
        track = next(
            boxes
            for boxes in (dict(_flat(body)) for kind, body in _boxes(index) if kind == b"trak")
            if _track_id(boxes[b"tkhd"]) == track_id
        )
        return _read_track(track, movie_scale, max_frames)
    except (_Unusual, KeyError, StopIteration, ValueError, IndexError):
        return None


def _read_track(track: dict[bytes, memoryview], movie_scale: int, max_frames: int) -> SampleTable:
    sizes = _sizes(track[b"stsz"], max_frames)
    num_frames = len(sizes)
    durations = _run_lengths(track[b"stts"], num_frames)
    starts = np.cumsum(durations) - durations
    ticks = starts + (_run_lengths(track[b"ctts"], num_frames) if b"ctts" in track else 0)
    _check_edit(track.get(b"elst"), ticks, durations, movie_scale, _timescale(track[b"mdhd"]))
    is_keyframe = np.ones(num_frames, dtype=np.bool_)
    if b"stss" in track:
        is_keyframe[:] = False
        is_keyframe[_table(track[b"stss"], ">u4", 1)[:, 0].astype(np.int64) - 1] = True
    if not is_keyframe[0]:
        raise _Unusual
    chunks = _table(track[b"stco"], ">u4", 1) if b"stco" in track else _table(track[b"co64"], ">u8", 1)
    return SampleTable(ticks, durations, sizes, is_keyframe, int(chunks.max()))


def _check_edit(
    edit: memoryview | None, ticks: NDArray[np.int64], durations: NDArray[np.int64], movie_scale: int, scale: int
) -> None:
    """Refuse an edit that hides frames: a decoder would show fewer than the table lists."""
    if edit is None:
        return
    is_long = edit[0] == 1
    fields = np.dtype(
        [("length", ">u8" if is_long else ">u4"), ("start", ">i8" if is_long else ">i4"), ("rate", ">i4")]
    )
    count = int.from_bytes(edit[4:8], "big")
    entries = np.frombuffer(edit, dtype=fields, count=count, offset=8)
    if count == 2 and entries[0]["start"] == -1:
        entries = entries[1:]  # an empty edit only delays the whole track
    if len(entries) != 1 or entries[0]["rate"] != 1 << 16:
        raise _Unusual
    start, length_s = int(entries[0]["start"]), int(entries[0]["length"]) / movie_scale
    if ticks.min() < start or (length_s and int(ticks.max()) >= start + length_s * scale):
        raise _Unusual


def _sizes(box: memoryview, max_frames: int) -> NDArray[np.int64]:
    common, count = (int.from_bytes(box[start : start + 4], "big") for start in (4, 8))
    # The header's count has been held against the limit before; here it only guards the memory.
    if not 0 < count <= max_frames:
        raise _Unusual
    if common:
        return np.full(count, common, dtype=np.int64)
    return np.frombuffer(box, dtype=">u4", count=count, offset=12).astype(np.int64)


def _run_lengths(box: memoryview, num_frames: int) -> NDArray[np.int64]:
    """Return a value a frame from a table of (how many frames, value)."""
    runs = _table(box, ">i4", 2).astype(np.int64)
    counts, values = runs[:, 0], runs[:, 1]
    if (counts < 0).any() or counts.sum() != num_frames:
        raise _Unusual
    return np.repeat(values, counts)


def _table(box: memoryview, dtype: str, num_columns: int) -> NDArray[np.generic]:
    count = int.from_bytes(box[4:8], "big")
    return np.frombuffer(box, dtype=dtype, count=count * num_columns, offset=8).reshape(count, num_columns)


def _timescale(box: memoryview) -> int:
    start = 20 if box[0] == 1 else 12
    scale = int.from_bytes(box[start : start + 4], "big")
    if not scale:
        raise _Unusual
    return scale


def _track_id(box: memoryview) -> int:
    start = 20 if box[0] == 1 else 12
    return int.from_bytes(box[start : start + 4], "big")


def _find_index(file: BinaryIO) -> memoryview:
    """Return the content of the ``moov`` box."""
    end = file.seek(0, io.SEEK_END)
    position = 0
    for _ in range(_MAX_TOP_BOXES):
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            raise _Unusual
        length, header_bytes = _length(header, end - position)
        if header[4:8] == b"moov":
            if length > _MAX_INDEX_BYTES or position + length > end:
                raise _Unusual
            file.seek(position + header_bytes)
            return memoryview(file.read(length - header_bytes))
        position += length
    raise _Unusual


def _flat(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the boxes of ``data`` that hold values, those of nested containers included."""
    for kind, body in _boxes(data):
        if kind in _CONTAINERS:
            yield from _flat(body)
        else:
            yield kind, body


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    position = 0
    while position + 8 <= len(data):
        header = bytes(data[position : position + 16])
        length, header_bytes = _length(header, len(data) - position)
        yield header[4:8], data[position + header_bytes : position + length]
        position += length


def _length(header: bytes, remaining_bytes: int) -> tuple[int, int]:
    """Return how long a box is, and how long its header."""
    length, header_bytes = int.from_bytes(header[:4], "big"), 8
    if length == 1:
        length, header_bytes = int.from_bytes(header[8:16], "big"), 16
    elif length == 0:
        length = remaining_bytes
    if length < header_bytes:
        raise _Unusual
    return length, header_bytes
