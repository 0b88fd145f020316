"""Writes that survive a kill: whole files by rename, records by checksummed append.

A file written here is the old one or the new one, never a mix. A record log loses at most the
record that was being written when the process died, and says so when anything else is damaged.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vidtune.core.errors import DataInvalid, DiskFull, RunCorrupt

_CHECKSUM_KEY = "crc32"
_NUMBER_IN_TEXT = re.compile(r"\bos error (\d+)\b")


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write ``content`` to ``path`` so that a reader sees the old file or the new one.

    Raises:
        DiskFull: If there is no room; the old file is untouched and nothing is left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, staged_name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as exc:
        exc.filename = str(path)  # and not the name that nobody gave
        raise_if_disk_full(exc, path, len(data))
        raise
    staged = Path(staged_name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staged.chmod(0o644)  # mkstemp is 0600; results are shared with colleagues
        staged.replace(path)
        fsync_folder(path.parent)
    except OSError as exc:
        raise_if_disk_full(exc, path, len(data))
        raise
    finally:
        staged.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically. NaN and infinity are refused."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that vidtune or a user wrote.

    Raises:
        DataInvalid: If the file is missing, is not UTF-8 JSON, or holds NaN or infinity.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=_refuse_constant)
    except FileNotFoundError as exc:
        raise DataInvalid(f"{path} does not exist.", "Check the path.") from exc
    except (ValueError, RecursionError) as exc:
        raise DataInvalid(f"{path} is not valid JSON: {exc}.", "Mend or re-create the file.") from exc


class RecordLog:
    """Append-only JSON Lines in which every line carries the CRC-32 of its own content.

    Opened for append, a torn last line (the process died while writing it) is cut off. A damaged
    line anywhere else is never skipped: reading raises ``RunCorrupt`` with its number.

    Example:
        >>> with RecordLog(folder / "predictions.jsonl") as log:
        ...     log.append({"sample_id": "a"})
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _, num_good_bytes = _parse_log(self.path)
        self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        os.ftruncate(self._handle, num_good_bytes)
        os.lseek(self._handle, 0, os.SEEK_END)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def append(self, record: dict[str, Any]) -> None:
        """Write one record and make it durable before returning."""
        self.append_many([record])

    def append_many(self, records: Iterable[dict[str, Any]]) -> None:
        """Write several records with one flush to disk.

        Raises:
            DiskFull: If there is no room; the log is cut back to its last whole record.
        """
        if self._handle is None:
            raise RuntimeError("a RecordLog is written inside its `with` block")
        data = b"".join(_encode_record(record) for record in records)
        start = os.lseek(self._handle, 0, os.SEEK_END)
        try:
            # os.write near a limit may write less than asked: loop until all is there or it fails.
            view = memoryview(data)
            while view:
                view = view[os.write(self._handle, view) :]
            os.fsync(self._handle)
        except OSError as exc:
            os.ftruncate(self._handle, start)
            raise_if_disk_full(exc, self.path, len(data))
            raise

    def read(self) -> list[dict[str, Any]]:
        """Return all whole records; a torn last line is left out.

        Raises:
            RunCorrupt: If any other line is damaged.
        """
        records, _ = _parse_log(self.path)
        return records


def raise_if_disk_full(exc: Exception, path: Path, num_bytes: int | None) -> None:
    """Raise ``DiskFull`` if that is what ``exc`` says; otherwise return.

    Args:
        exc: What the system said. safetensors writes from Rust, and its errors have the number in their text only.
        path: What was written.
        num_bytes: How much it takes; None where that is not known.
    """
    told = _NUMBER_IN_TEXT.search(str(exc))
    number = exc.errno if isinstance(exc, OSError) else int(told[1]) if told else None
    if number not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return
    folder = next(parent for parent in [path.parent, *path.parents] if parent.exists())
    free = f"{shutil.disk_usage(folder).free:,} bytes"
    if num_bytes is None:
        raise DiskFull(
            f"{path} needs more than the {free} that are free there.",
            "Free some space and run the same command again.",
        ) from exc
    raise DiskFull(
        f"{path} needs {num_bytes:,} bytes and {free} are free there.",
        "Free some space and run the same command again; it continues where it stopped.",
    ) from exc


def fsync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _encode_record(record: dict[str, Any]) -> bytes:
    if not record:
        raise ValueError("an empty record says nothing; it is not written")
    body = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f'{body[:-1]},"{_CHECKSUM_KEY}":{zlib.crc32(body.encode())}}}\n'.encode()


def _parse_log(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the whole records and the number of bytes they take."""
    if not path.exists():
        return [], 0
    records: list[dict[str, Any]] = []
    num_good_bytes = 0
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        record = _decode_record(line)
        if record is None:
            if number == len(lines) and not line.endswith(b"\n"):
                break
            raise RunCorrupt(
                f"{path} line {number} of {len(lines)} fails its checksum: it was changed or damaged after writing.",
                "Restore the file from a copy, or delete that line to have its sample run again.",
            )
        records.append(record)
        num_good_bytes += len(line)
    return records, num_good_bytes


def _decode_record(line: bytes) -> dict[str, Any] | None:
    marker = f',"{_CHECKSUM_KEY}":'.encode()
    if not line.endswith(b"}\n"):
        return None
    body, found, checksum = line[:-2].rpartition(marker)
    if not found or not checksum.isdigit() or zlib.crc32(body + b"}") != int(checksum):
        return None
    record = json.loads(body + b"}")
    return record if isinstance(record, dict) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
