"""Decoded frames kept on disk for the next read of the same content under the same contract.

Off unless a caller passes a ``FrameCache``: decoded frames of patients should lie in no folder that nobody asked for.
Folder and files are for their owner only. One file an entry, checksummed, written beside and renamed, the least
recently used removed first: several processes may read, write and clear at once, and a reader never sees half a file.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from vidtune.core.errors import VidtuneError
from vidtune.core.hashing import hash_json, sha256_bytes
from vidtune.media._container import ClipFile, check_file
from vidtune.media._content import hash_of
from vidtune.media._frameset import FrameSet
from vidtune.media._limits import ReadLimits
from vidtune.media._source import ClipSource

DEFAULT_MAX_BYTES = 8 * 1024**3
# Raised when the meaning of a FrameSet or the way from file to pixels changes: older entries are then not found.
_CONTRACT = 1
_SUFFIX = ".frames"
_MAGIC = b"vidtune1"
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 16 * 1024**2
_KEPT_SHARE = 0.9
_LOOK_AFTER_SHARE = 0.01
_ABANDONED_AFTER_S = 3600.0


@dataclass(frozen=True)
class CacheUsage:
    """What a cache holds."""

    folder: Path
    num_entries: int
    size_bytes: int
    max_bytes: int
    oldest_use: float | None
    """When the least recently used entry was used, in seconds since 1970."""


class FrameCache:
    """A folder of decoded frames.

    Args:
        folder: Where; made if need be. None: ``vidtune/frames`` in the user's cache folder.
        max_bytes: What all entries together may take; the least recently used are removed beyond that.
    """

    def __init__(self, folder: Path | str | None = None, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, found {max_bytes}.")
        self.folder = default_cache_folder() if folder is None else Path(folder)
        self.max_bytes = max_bytes
        self._num_new_bytes = max_bytes  # look at the folder at the first write

    def get_or_read(self, source_sha256: str, contract: Mapping[str, Any], read: Callable[[], FrameSet]) -> FrameSet:
        """Return the frames of this content under this contract, from the cache or else from ``read``."""
        key = hash_json(
            {
                "contract": _CONTRACT,
                "decoder": av.__version__,
                "source": source_sha256,
                "wanted": json.loads(json.dumps(contract)),
            }
        )
        frameset = self.get(key)
        if frameset is None:
            frameset = read()
            self.put(key, frameset)
        return frameset

    def get(self, key: str) -> FrameSet | None:
        """Return an entry; None when there is none, or a damaged one, which is removed."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                frameset = _parse(file.read())
        except OSError:
            return None
        with suppress(OSError):
            if frameset is None:
                path.unlink()
            else:
                os.utime(path)
        return frameset

    def put(self, key: str, frameset: FrameSet) -> None:
        """Keep an entry. A cache that cannot be written costs time, never the frames."""
        data = _head(frameset)
        size_bytes = len(data) + frameset.frames_thwc.nbytes
        if size_bytes > self.max_bytes:
            return
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.write(np.ascontiguousarray(frameset.frames_thwc).data)
                # No fsync: a page that is lost with the power shows in the checksum.
                os.replace(name, self._path(key))
            finally:
                Path(name).unlink(missing_ok=True)
            self._num_new_bytes += size_bytes
            if self._num_new_bytes >= self.max_bytes * _LOOK_AFTER_SHARE:
                self._shrink()

    def usage(self) -> CacheUsage:
        """Return what the cache holds now."""
        entries = self._entries()
        return CacheUsage(
            self.folder,
            len(entries),
            sum(size_bytes for _, size_bytes, _ in entries),
            self.max_bytes,
            min((used for used, _, _ in entries), default=None),
        )

    def clear(self) -> int:
        """Remove all entries and return how many there were."""
        num_removed = 0
        with self._locked():
            for _, _, path in self._entries():
                with suppress(FileNotFoundError):
                    path.unlink()
                    num_removed += 1
            self._remove_abandoned(0.0)
        return num_removed

    def _shrink(self) -> None:
        """Remove the least recently used entries once all together take too much."""
        with self._locked():
            entries = sorted(self._entries())
            total_bytes = sum(size_bytes for _, size_bytes, _ in entries)
            # Others write too while this process does not look.
            if total_bytes > self.max_bytes * (1 - 2 * _LOOK_AFTER_SHARE):
                for _, size_bytes, path in entries:
                    if total_bytes <= self.max_bytes * _KEPT_SHARE:
                        break
                    path.unlink(missing_ok=True)
                    total_bytes -= size_bytes
            self._remove_abandoned(_ABANDONED_AFTER_S)
        self._num_new_bytes = 0

    def _remove_abandoned(self, after_s: float) -> None:
        """Remove what writers that were killed have left behind."""
        for path in self.folder.glob(".*.part"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime >= after_s:
                    path.unlink()

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Return when each entry was last used, its size and its file."""
        found = []
        with suppress(FileNotFoundError), os.scandir(self.folder) as items:
            for item in items:
                if item.name.endswith(_SUFFIX):
                    with suppress(FileNotFoundError):
                        status = item.stat()
                        found.append((status.st_mtime, status.st_size, Path(item.path)))
        return found

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process remove entries at a time; readers and writers need no lock."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"


def default_cache_folder() -> Path:
    """Return the folder of a cache that was given none."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vidtune" / "frames"


def source_hash_of(source: ClipSource, limits: ReadLimits) -> str | None:
    """Return the hash of what a source holds; None when it is no file (frames in memory need no cache)."""
    if isinstance(source, (bytes, bytearray)):
        return sha256_bytes(bytes(source))
    if not isinstance(source, (str, Path)) or Path(source).is_dir():
        return None
    clip = ClipFile.of(Path(source))
    try:
        check_file(clip, limits)
        return hash_of(clip)
    except (VidtuneError, OSError):
        return None  # reading it will say what is wrong


def _head(frameset: FrameSet) -> bytes:
    fields: dict[str, Any] = {name: value for name, value in vars(frameset).items() if name != "frames_thwc"}
    pixels = np.ascontiguousarray(frameset.frames_thwc)
    header = json.dumps({"fields": fields, "shape": pixels.shape, "crc32": zlib.crc32(pixels.data)}).encode()
    return _MAGIC + len(header).to_bytes(_LENGTH_BYTES, "big") + zlib.crc32(header).to_bytes(4, "big") + header


def _parse(data: bytes) -> FrameSet | None:
    """Return the frames of an entry; None when a byte of it is wrong."""
    start = len(_MAGIC) + _LENGTH_BYTES + 4
    length = int.from_bytes(data[len(_MAGIC) : len(_MAGIC) + _LENGTH_BYTES], "big")
    if data[: len(_MAGIC)] != _MAGIC or length > _MAX_HEADER_BYTES:
        return None
    header = data[start : start + length]
    if zlib.crc32(header) != int.from_bytes(data[start - 4 : start], "big"):
        return None
    record = json.loads(header)
    pixels = memoryview(data)[start + length :]
    shape = tuple(record["shape"])
    if len(pixels) != int(np.prod(shape)) or zlib.crc32(pixels) != record["crc32"]:
        return None
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record["fields"].items()
    }
    # A copy, because frames that were decoded may be written to as well.
    return FrameSet(frames_thwc=np.frombuffer(pixels, dtype=np.uint8).reshape(shape).copy(), **fields)
