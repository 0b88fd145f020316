"""The decoder process: reads one clip after another for its user, inside limits that the kernel holds.

It says so when it is ready; from then on it answers each request once.

Started by ``_worker_pool`` as ``python -m vidtune.media._worker LINK RESULTS MEMORY``: a socket, a file for arrays, and
how many bytes of address space decoding may take.
"""

from __future__ import annotations

import math
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vidtune.core.errors import VideoUnreadable, VidtuneError
from vidtune.media._clip import Wanted, WantedScan
from vidtune.media._container import ClipFile
from vidtune.media._limits import ReadLimits
from vidtune.media._pieces import put_piece
from vidtune.media._sound import WantedSound
from vidtune.media._sound_file import read_sound_file
from vidtune.media._video_clip import VideoClip, opened_video_clip
from vidtune.media._walk import WalkedFrame, WantedWalk, walk_here
from vidtune.media._wire import put_arrays, receive_message, send_message

# Of a walk, what is handed over at once.
_PIECE_BYTES = 32 * 1024**2


def main(link: int, results: int, max_memory_bytes: int) -> None:
    """Serve until the user closes the socket."""
    _limit_memory(max_memory_bytes)
    with socket.socket(fileno=link) as connection, ExitStack() as stack:
        server = _Server(results, stack)
        send_message(connection, {})
        while True:
            try:
                request, descriptors = receive_message(connection)
            except EOFError:
                return
            send_message(connection, server.answer(request, descriptors))


class _Server:
    """The clip that is open, and what can be asked of it."""

    def __init__(self, results: int, stack: ExitStack) -> None:
        self._results = results
        self._stack = stack
        self._clip: VideoClip | None = None
        self._walk: Iterator[WalkedFrame] = iter(())

    def answer(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        try:
            if request["op"] == "open":
                return self._open(request, descriptors)
            if request["op"] == "walk":
                return self._walk_from_start(request)
            if request["op"] == "sound":
                return self._sound(request)
            if request["op"] == "close":
                self._close()
                return {}
            operation: Callable[[dict[str, Any]], dict[str, Any]] = getattr(self, f"_{request['op']}")
            return operation(request.get("wanted") or {})
        except VidtuneError as exc:
            return {"error": exc.to_record()}
        except Exception as exc:  # the edge of one clip: whatever it does to the reader becomes its error
            problem = f"a clip cannot be read: {type(exc).__name__}: {exc}."
            return {"error": VideoUnreadable(problem, "Please report this file.").to_record()}

    def _open(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        self._close()
        limits = ReadLimits.model_validate(request["limits"])
        _limit_processor(limits.max_cpu_s)
        path = Path(f"/dev/fd/{descriptors[0]}" if descriptors else request["path"])
        if descriptors:
            self._stack.callback(_close_descriptor, descriptors[0])
        self._clip = self._stack.enter_context(opened_video_clip(ClipFile(path, request["label"]), limits))
        return {"info": {**asdict(self._clip.info), "path": request["label"]}}

    def _walk_from_start(self, request: dict[str, Any]) -> dict[str, Any]:
        self._close()
        limits = ReadLimits.model_validate(request["limits"])
        _limit_processor(limits.max_cpu_s)
        wanted = WantedWalk(**{**request["wanted"], "full_indices": tuple(request["wanted"]["full_indices"])})
        walk = walk_here(ClipFile(Path(request["path"]), request["label"]), wanted, limits)
        self._walk = self._stack.enter_context(closing(walk))
        return self._walk_on({})

    def _sound(self, request: dict[str, Any]) -> dict[str, Any]:
        self._close()
        limits = ReadLimits.model_validate(request["limits"])
        _limit_processor(limits.max_cpu_s)
        clip = ClipFile(Path(request["path"]), request["label"])
        sound = read_sound_file(clip, WantedSound(**request["wanted"]), limits)
        fields = {name: value for name, value in vars(sound).items() if name != "waveform_n"}
        return {"fields": fields, "arrays": put_arrays(self._results, {"waveform_n": sound.waveform_n})}

    def _walk_on(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the next frames of the walk, and how it ended, if it did."""
        frames: list[WalkedFrame] = []
        num_bytes = 0
        end: dict[str, Any] = {}
        try:
            while num_bytes < _PIECE_BYTES:
                frame = next(self._walk)
                frames.append(frame)
                num_bytes += frame.pixels_hwc.nbytes + (0 if frame.full_hwc is None else frame.full_hwc.nbytes)
        except StopIteration:
            end = {"end": {}}
        except VidtuneError as exc:
            # What came before it is good.
            end = {"end": exc.to_record()}
        return {**put_piece(self._results, frames), **end}

    def _close(self) -> None:
        self._clip = None
        self._walk = iter(())
        self._stack.close()

    def _decode(self, wanted: dict[str, Any]) -> dict[str, Any]:
        frameset = self._opened().decode(Wanted(**{**wanted, "times_s": tuple(wanted["times_s"])}))
        fields = {name: value for name, value in vars(frameset).items() if name not in ("frames_thwc", "sound")}
        return {"fields": fields, "arrays": put_arrays(self._results, {"frames_thwc": frameset.frames_thwc})}

    def _scan(self, wanted: dict[str, Any]) -> dict[str, Any]:
        scan = self._opened().scan(WantedScan(**wanted))
        arrays: dict[str, NDArray[Any]] = {
            "frames_thwc": scan.frames_thwc,
            "times_s": scan.times_s,
            "indices": scan.indices,
        }
        return {"arrays": put_arrays(self._results, arrays)}

    def _packet_sizes(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return {"arrays": put_arrays(self._results, self._opened().packet_sizes()._asdict())}

    def _opened(self) -> VideoClip:
        if self._clip is None:
            raise ValueError("no clip is open")
        return self._clip


def _limit_memory(max_memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        # What Python and the libraries take by themselves does not count.
        own_pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = own_pages * resource.getpagesize() + max_memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (OSError, ValueError):
        pass  # a system without this limit; the other ones hold


def _limit_processor(max_cpu_s: float) -> None:
    """Let the kernel end this process when the clip takes more than ``max_cpu_s``."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    until_s = math.ceil(usage.ru_utime + usage.ru_stime + max_cpu_s)
    resource.setrlimit(resource.RLIMIT_CPU, (until_s if most == resource.RLIM_INFINITY else min(until_s, most), most))


def _close_descriptor(descriptor: int) -> None:
    import os

    os.close(descriptor)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
