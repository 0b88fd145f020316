"""Several clips at a time, each in a process that may be killed: nothing a file does stops the work on the others."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vidtune.data._examine import ExamineConfig

_START_S = 60.0
_GRACE_S = 3.0
"""The worker watches its own time; one that hangs inside the decoder is killed this much later."""


def examine_clips(
    paths: Sequence[Path], config: ExamineConfig, *, num_workers: int | None = None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each path with the record of its clip, as they are finished.

    A clip on which a worker dies or hangs gets a record that says so; a new worker goes on with the next clip.
    """
    waiting = deque(paths)
    num_workers = max(1, min(num_workers or os.cpu_count() or 1, len(waiting)))
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        workers = [stack.enter_context(_Worker(config)) for _ in range(num_workers)]
        for worker in workers:
            worker.watch(selector)
        busy = len(paths)
        while busy:
            for worker in workers:
                if worker.is_free and waiting:
                    worker.begin(waiting.popleft())
            nearest_s = min((worker.deadline_s for worker in workers if worker.path is not None), default=0.0)
            for key, _ in selector.select(max(0.0, nearest_s - time.monotonic()) + 0.01):
                worker = key.data
                answer = worker.read()
                if worker.path is not None and answer is not None:
                    path, worker.path = worker.path, None
                    busy -= 1
                    yield path, answer
                elif worker.has_ended:
                    selector.unregister(worker.stdout)
                    if worker.path is not None:
                        path, worker.path = worker.path, None
                        busy -= 1
                        yield path, worker.death()
                    worker.restart()
                    worker.watch(selector)
            for worker in workers:
                if worker.path is not None and time.monotonic() > worker.deadline_s:
                    selector.unregister(worker.stdout)
                    path, worker.path = worker.path, None
                    busy -= 1
                    worker.restart()
                    worker.watch(selector)
                    yield path, _record("video_timeout", f"{path} was not read within {config.timeout_s:g} s.")


class _Worker:
    """One child process and the clip it is looking at."""

    def __init__(self, config: ExamineConfig) -> None:
        self._config = config
        self.path: Path | None = None
        self.deadline_s = 0.0
        self.has_ended = False
        self._is_ready = False
        self._buffer = b""
        self._num_failed_starts = 0
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def is_free(self) -> bool:
        """Whether it can take a clip."""
        return self._is_ready and self.path is None

    @property
    def stdout(self) -> int:
        """The descriptor its answers come from."""
        assert self._process.stdout is not None  # noqa: S101 -- it was asked for
        return self._process.stdout.fileno()

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Have its answers wake ``selector``."""
        selector.register(self.stdout, selectors.EVENT_READ, self)

    def begin(self, path: Path) -> None:
        """Hand a clip to it."""
        self.path = path
        self.deadline_s = time.monotonic() + self._config.timeout_s + _GRACE_S
        request = json.dumps({"path": str(path), "config": asdict(self._config)}) + "\n"
        try:
            os.write(self._stdin, request.encode())
        except BrokenPipeError:
            pass  # it has died; its end is read next

    def read(self) -> dict[str, Any] | None:
        """Return an answer, if a whole one is there."""
        data = os.read(self.stdout, 1 << 16)
        if not data:
            self.has_ended = True
            return None
        self._buffer += data
        line, found, rest = self._buffer.partition(b"\n")
        if not found:
            return None
        self._buffer = rest
        answer: dict[str, Any] = json.loads(line)
        if "ready" in answer:
            self._is_ready, self._num_failed_starts = True, 0
            return None
        return answer

    def death(self) -> dict[str, Any]:
        """Return the record of the clip on which it died."""
        status = self._process.wait()
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return _record("video_decoder_died", f"the decoder died on this file ({how}).")

    def restart(self) -> None:
        """Replace a process that died or hangs.

        Raises:
            RuntimeError: If it ended three times before it could take a clip: then no clip is to blame.
        """
        self._num_failed_starts += not self._is_ready
        if self._num_failed_starts >= 3:
            raise RuntimeError(f"a worker cannot be started: `{' '.join(_COMMAND)}` ended {self._process.wait()}.")
        self._stop()
        self._start()

    def _start(self) -> None:
        # The child must find this package where we have it from, installed or not.
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        assert self._process.stdin is not None  # noqa: S101 -- it was asked for
        self._stdin = self._process.stdin.fileno()
        self._buffer = b""
        self._is_ready = self.has_ended = False

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


_COMMAND = [sys.executable, "-m", "vidtune.data._examine_worker"]


def _record(code: str, reason: str) -> dict[str, Any]:
    return {"status": "bad", "code": code, "reason": reason, "is_usable": False}
