"""What was costly to compute, kept on disk: a checksummed file an entry, bounded in bytes, safe with several processes.

An entry is written beside and renamed, and the least recently used are removed first: several processes may read, write
and clear at once, and a reader never sees half an entry. Folder and files are for their owner only.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

Value = TypeVar("Value")

DEFAULT_MAX_BYTES = 8 * 1024**3
_MAGIC = b"vidtune2"
_HEAD_BYTES = len(_MAGIC) + 4
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


class FileCache(ABC, Generic[Value]):
    """A folder of entries by key.

    Args:
        folder: Where; made if need be. None: a folder of the cache's ``name`` in the user's cache folder.
        max_bytes: What all entries together may take; the least recently used are removed beyond that.
    """

    name: ClassVar[str]
    """Of what it keeps: its folder's name and the suffix of its files."""

    def __init__(self, folder: Path | str | None = None, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, found {max_bytes}.")
        self.folder = _default_folder() / self.name if folder is None else Path(folder)
        self.max_bytes = max_bytes
        self._num_new_bytes = max_bytes  # look at the folder at the first write

    @abstractmethod
    def _dump(self, value: Value) -> Sequence[bytes | memoryview]:
        """Return the bytes of an entry, in parts that follow one another."""

    @abstractmethod
    def _parse(self, payload: memoryview) -> Value:
        """Return the entry of bytes whose checksum is right."""

    def get(self, key: str) -> Value | None:
        """Return an entry; None when there is none, or a damaged one, which is removed."""
        path = self._path(key)
        try:
            data = memoryview(path.read_bytes())
        except OSError:
            return None
        payload = data[_HEAD_BYTES:]
        is_whole = data[: len(_MAGIC)] == _MAGIC and zlib.crc32(payload) == int.from_bytes(
            data[len(_MAGIC) : _HEAD_BYTES], "big"
        )
        with suppress(OSError):
            if is_whole:
                os.utime(path)
            else:
                path.unlink()
        return self._parse(payload) if is_whole else None

    def put(self, key: str, value: Value) -> None:
        """Keep an entry. A cache that cannot be written costs time, never the value."""
        parts = [memoryview(part).cast("B") for part in self._dump(value)]
        size_bytes = _HEAD_BYTES + sum(part.nbytes for part in parts)
        if size_bytes > self.max_bytes:
            return
        checksum = 0
        for part in parts:
            checksum = zlib.crc32(part, checksum)
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_MAGIC + checksum.to_bytes(4, "big"))
                    file.writelines(parts)
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
                if item.name.endswith(f".{self.name}"):
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
        return self.folder / f"{key}.{self.name}"


def _default_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vidtune"
