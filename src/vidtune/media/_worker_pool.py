"""Clips that are decoded in processes of their own; a process serves one clip after another and may die of any.

Processes are started when needed, kept for the next clip, and end with this one. Each is bounded in memory and
processor time by the kernel (``_worker``) and in wall-clock time from here.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess  # noqa: S404 - this very interpreter, with arguments of our own
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidtune.core.errors import VideoTimeout
from vidtune.media._clip import PacketSizes, Scan, Wanted, WantedScan
from vidtune.media._container import ClipFile, check_file
from vidtune.media._decode import num_cpus
from vidtune.media._errors import VideoDecoderDied
from vidtune.media._frameset import FrameSet
from vidtune.media._limits import ReadLimits
from vidtune.media._probe import VideoInfo
from vidtune.media._wire import Nonsense, error_of, get_array, receive_message, send_message

_START_S = 30.0
_GRACE_S = 1.0
_MAX_CLIPS = 2_000
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")


@contextmanager
def opened_isolated_clip(clip: ClipFile, limits: ReadLimits, descriptor: int | None = None) -> Iterator[IsolatedClip]:
    """Open a file in a decoder process; it can be read as long as the block lasts.

    Args:
        clip: The file.
        limits: What it may cost.
        descriptor: The open file itself, where it has no name.

    Raises:
        VideoDecoderDied: If the process ends without an answer.
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    check_file(clip, limits)
    worker = _pool.take(limits.max_memory_bytes)
    try:
        opened = IsolatedClip(worker, clip, limits)
        opened.open(descriptor)
        yield opened
        opened.close()
    except (VideoTimeout, VideoDecoderDied):
        worker.kill()
        raise
    finally:
        _pool.give_back(worker)


class IsolatedClip:
    """A clip that is open in a decoder process."""

    info: VideoInfo

    def __init__(self, worker: _Worker, clip: ClipFile, limits: ReadLimits) -> None:
        self._worker = worker
        self._clip = clip
        self._limits = limits

    def open(self, descriptor: int | None) -> None:
        """Have the process open and walk the file."""
        request = {
            "op": "open",
            "path": os.path.abspath(self._clip.path),
            "label": self._clip.label,
            "limits": self._limits.model_dump(mode="json"),
        }
        answer = self._ask(request, () if descriptor is None else (descriptor,))
        with self._trusting_nothing():
            self.info = VideoInfo(**{**answer["info"], "path": Path(self._clip.label)})

    def close(self) -> None:
        """Have the process close the file."""
        self._ask({"op": "close"})

    def decode(self, wanted: Wanted) -> FrameSet:
        """Return the frames on screen at the wanted times."""
        answer = self._ask({"op": "decode", "wanted": asdict(wanted)})
        with self._trusting_nothing():
            fields: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in answer["fields"].items()
            }
            frames_thwc = self._array(answer, "frames_thwc")
            if frames_thwc.ndim != 4 or len(frames_thwc) != len(wanted.times_s):
                raise Nonsense
            return FrameSet(frames_thwc=frames_thwc, **fields)

    def scan(self, wanted: WantedScan) -> Scan:
        """Return small frames at about the wanted rate."""
        answer = self._ask({"op": "scan", "wanted": asdict(wanted)})
        with self._trusting_nothing():
            frames_thwc, times_s, indices = (
                self._array(answer, name) for name in ("frames_thwc", "times_s", "indices")
            )
            return Scan(frames_thwc, times_s, indices, self.info)

    def packet_sizes(self) -> PacketSizes:
        """Return the size of every coded frame; decodes nothing."""
        answer = self._ask({"op": "packet_sizes"})
        with self._trusting_nothing():
            return PacketSizes(*(self._array(answer, name) for name in PacketSizes._fields))

    def _array(self, answer: dict[str, Any], name: str) -> Any:
        return get_array(self._worker.results, answer["arrays"][name])

    def _ask(self, request: dict[str, Any], descriptors: tuple[int, ...] = ()) -> dict[str, Any]:
        timeout_s = self._limits.timeout_s
        try:
            answer = self._worker.ask(request, descriptors, timeout_s)
        except TimeoutError as exc:
            raise VideoTimeout(
                f"{self._clip} was not read within {timeout_s:g} s; its decoder was stopped.",
                "Look at the file, or give it more time with limits.timeout_s.",
            ) from exc
        except (OSError, EOFError) as exc:
            raise self._death() from exc
        with self._trusting_nothing():
            if "error" in answer:
                raise error_of(answer["error"])
        return answer

    def _death(self) -> VideoDecoderDied | VideoTimeout:
        status = self._worker.exit_status()
        if status == -signal.SIGXCPU:
            return VideoTimeout(
                f"{self._clip} took more than {self._limits.max_cpu_s:g} s of processor time.",
                "Look at the file, or raise limits.max_cpu_s.",
            )
        how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return VideoDecoderDied(
            f"{self._clip} ended the process that decoded it ({how}).",
            "The file is damaged or hostile: leave it out of the data set, or export it again.",
        )

    @contextmanager
    def _trusting_nothing(self) -> Iterator[None]:
        try:
            yield
        except (Nonsense, KeyError, TypeError, ValueError, AttributeError) as exc:
            raise VideoDecoderDied(
                f"{self._clip} made its decoder answer nonsense.", "Leave the file out of the data set."
            ) from exc


class _Worker:
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
                [sys.executable, "-P", "-m", "vidtune.media._worker", *arguments],
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
            OSError, EOFError: If the process has gone.
        """
        self._link.settimeout(timeout_s + _GRACE_S + (_START_S if self._is_new else 0.0))
        send_message(self._link, request, descriptors)
        try:
            answer, _ = receive_message(self._link)
        except Nonsense as exc:
            raise EOFError("no message") from exc
        self._is_new = False
        return answer

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
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    def take(self, max_memory_bytes: int) -> _Worker:
        """Return a process with this bound, started if none waits."""
        with self._lock:
            for worker in [*self._idle]:
                if worker.max_memory_bytes == max_memory_bytes:
                    self._idle.remove(worker)
                    if worker.is_alive:
                        return worker
                    self._end(worker)
        worker = _Worker(max_memory_bytes)
        with self._lock:
            self._all.add(worker)
        return worker

    def give_back(self, worker: _Worker) -> None:
        """Keep a process for the next clip, or end it."""
        worker.num_clips += 1
        with self._lock:
            if worker.is_alive and worker.num_clips < _MAX_CLIPS and len(self._idle) < num_cpus():
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

    def _end(self, worker: _Worker) -> None:
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
