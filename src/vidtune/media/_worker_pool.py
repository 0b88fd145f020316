"""Decoder processes: each serves one clip after another and may die of any.

They are started when needed, kept for the next clip, and end with this one. Each is bounded in memory and processor
time by the kernel (``_worker``) and in wall-clock time from here.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess  # noqa: S404 - this very interpreter, with arguments of our own
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from typing import Any

from vidtune.core.environment import num_usable_cores
from vidtune.core.errors import TryAgain, VideoTimeout
from vidtune.media._errors import VideoDecoderDied
from vidtune.media._starved import Starvation
from vidtune.media._wire import Nonsense, receive_message, send_message

_START_S = 30.0
_GRACE_S = 1.0
_MAX_CLIPS = 2_000
_COMMAND = (sys.executable, "-P", "-m", "vidtune.media._worker")
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")


@contextmanager
def lent_worker(max_memory_bytes: int) -> Iterator[Worker]:
    """Lend a process with this bound for the time of one clip; one that did not serve it is ended."""
    worker = _pool.take(max_memory_bytes)
    try:
        yield worker
    except (VideoTimeout, VideoDecoderDied, TryAgain):
        worker.kill()
        raise
    finally:
        _pool.give_back(worker)


class Worker:
    """One decoder process, as seen from here."""

    def __init__(self, max_memory_bytes: int) -> None:
        self.max_memory_bytes = max_memory_bytes
        self.num_clips = 0
        self._is_new = True
        self.results = _anonymous_file()
        self._link, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        # One memory arena for two threads: each arena reserves address space, which is what is bounded.
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        arguments = [str(theirs.fileno()), str(self.results), str(max_memory_bytes)]
        with theirs:
            self._process = subprocess.Popen(
                [*_COMMAND, *arguments],
                env=environment,
                pass_fds=(theirs.fileno(), self.results),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], descriptors: tuple[int, ...], timeout_s: float) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises:
            TimeoutError: If there is none in time.
            TryAgain: If the process does not start.
            OSError, EOFError: If the process has gone.
        """
        try:
            if self._is_new:
                self._await_start()
                self._is_new = False
            self._link.settimeout(timeout_s + _GRACE_S)
            send_message(self._link, request, descriptors)
            self._wait(timeout_s + _GRACE_S)
            answer, _ = receive_message(self._link)
        except Nonsense as exc:
            raise EOFError("no message") from exc
        return answer

    def _await_start(self) -> None:
        """Return when the process can take requests: starting is not the clip's time, nor its fault."""
        try:
            self._wait(_START_S)
        except TimeoutError as exc:
            raise TryAgain(
                f"the process that decodes videos did not start within {_START_S:g} s.",
                "Run the same command again; it continues where it stopped.",
            ) from exc
        self._link.settimeout(_START_S)
        receive_message(self._link)

    def _wait(self, timeout_s: float) -> None:
        """Return when something has come; what the process waits for a core does not count."""
        starvation = Starvation(timeout_s, self.pid)
        left_s = timeout_s
        with DefaultSelector() as selector:
            selector.register(self._link, EVENT_READ)
            while not selector.select(left_s):
                left_s = starvation.give_back_s()
                if not left_s:
                    raise TimeoutError

    def exit_status(self) -> int:
        """Return how the process ended; negative is a signal. One that has only shut its door is ended."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=0.5)
        return self.kill()

    def kill(self) -> int:
        """End the process if it still runs, and return its exit status."""
        self._process.kill()
        return self._process.wait()

    def stop(self) -> None:
        """End the process and free what it held."""
        self._link.close()
        if self.is_alive:
            self._process.kill()
        self._process.wait()
        with suppress(OSError):
            os.close(self.results)

    def forget(self) -> None:
        """In a child that was forked off: the process belongs to the parent."""
        self._link.close()
        with suppress(OSError):
            os.close(self.results)
        self._process.returncode = 0  # not ours to wait for


class _Pool:
    """Decoder processes that wait for the next clip, and those at work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()

    def take(self, max_memory_bytes: int) -> Worker:
        """Return a process with this bound, started if none waits."""
        with self._lock:
            for worker in [*self._idle]:
                if worker.max_memory_bytes == max_memory_bytes:
                    self._idle.remove(worker)
                    if worker.is_alive:
                        return worker
                    self._end(worker)
        worker = Worker(max_memory_bytes)
        with self._lock:
            self._all.add(worker)
        return worker

    def give_back(self, worker: Worker) -> None:
        """Keep a process for the next clip, or end it."""
        worker.num_clips += 1
        with self._lock:
            if worker.is_alive and worker.num_clips < _MAX_CLIPS and len(self._idle) < num_usable_cores():
                self._idle.append(worker)
            else:
                self._end(worker)

    def stop_all(self) -> None:
        """End all processes."""
        with self._lock:
            for worker in [*self._all]:
                self._end(worker)
            self._idle.clear()

    def forget_all(self) -> None:
        """In a child that was forked off: start anew."""
        self._lock = threading.Lock()
        for worker in self._all:
            worker.forget()
        self._idle, self._all = [], set()

    def _end(self, worker: Worker) -> None:
        worker.stop()
        self._all.discard(worker)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("vidtune-frames")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


_pool = _Pool()
atexit.register(_pool.stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget_all)
