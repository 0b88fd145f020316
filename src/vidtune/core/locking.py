"""One writer per run directory: a lock file that names its holder and survives nobody."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from vidtune.core.errors import RunLocked


class RunLock:
    """Hold ``folder`` for writing while inside the ``with`` block.

    The kernel drops the lock with the process, so a killed run leaves nothing to clean up.

    Raises:
        RunLocked: If another process holds it; the message names that process.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".lock"
        self._handle: int | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.read(handle, 4096).decode(errors="replace") or "an unnamed process"
            os.close(handle)
            raise RunLocked(
                f"{self.path.parent} is being written by {holder}.",
                "Wait for it to end, stop it, or give another run directory.",
            ) from exc
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        self._handle = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            # The file stays: removing it would let a third process lock a new file beside a waiting second one.
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None
