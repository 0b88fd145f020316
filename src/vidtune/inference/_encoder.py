"""Prompts become tensors, those of waiting requests while the model answers earlier ones.

Scaling the frames of a clip and cutting them into patches takes a core, and so does answering; torch lets go of
Python's lock for most of both. One thread encodes ahead. What fails there is tried again when it is wanted, and its
error is told then, as if nothing had been ahead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vidtune.inference._request import Request, clip_key

if TYPE_CHECKING:
    from vidtune.models import BatchInputs, LoadedModel

_MAX_AHEAD_BYTES = 1 << 30
_GROWTH = 4
"""Bytes of encoded pixels for one of a frame: they become float32. Frames are scaled too, mostly down."""


@dataclass(frozen=True)
class _Ahead:
    """A request whose prompt is encoded, or will be."""

    request: Request
    row: Future[tuple[BatchInputs, float]]
    """The prompt as a batch of one, and how many seconds it took."""


class Encoder:
    """Encodes the prompts of one model.

    Args:
        loaded: The model; its family encodes.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._ahead: dict[int, _Ahead] = {}  # by the identity of the request, which is held and so stays its own
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vidtune-encoder")
        # A tokenizer of the library fails when two threads use it at once.
        self._lock = threading.Lock()
        self.hidden_s = 0.0
        """Time spent on prompts that were taken, less the time that was waited for them."""

    def __enter__(self) -> Self:
        """Encode ahead from now on."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the thread, after the prompt that it is at."""
        self.forget()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def look_ahead(self, waiting: Iterable[Request], num_ahead: int) -> None:
        """Begin with the clips of the first ``num_ahead`` requests, fewer where clips are large.

        Args:
            waiting: All requests that are still to be encoded, in their order. What is not in it is forgotten.
            num_ahead: The most.
        """
        everyone = list(waiting)
        still_waiting = {id(request) for request in everyone}
        for key in [key for key in self._ahead if key not in still_waiting]:
            self._ahead.pop(key).row.cancel()
        clips = {clip_key(ahead.request) for ahead in self._ahead.values()}
        size_bytes = sum(_size_bytes(ahead.request) for ahead in self._ahead.values())
        for request in everyone[:num_ahead]:
            # Questions about a clip that is ahead already begin like it; texts alone are encoded in a moment.
            if request.frames is None or clip_key(request) in clips:
                continue
            size_bytes += _size_bytes(request)
            if len(self._ahead) >= num_ahead or size_bytes > _MAX_AHEAD_BYTES:
                break
            clips.add(clip_key(request))
            self._ahead[id(request)] = _Ahead(request, self._pool.submit(self._encode_timed, request))

    def encode(self, requests: Sequence[Request]) -> BatchInputs:
        """Return left-padded prompts, made of those that are ahead where some are.

        Raises:
            VidtuneError, ValueError: If one cannot be put to the model.
        """
        family, processor = self._loaded.family, self._loaded.processor
        if not any(id(request) in self._ahead for request in requests):
            with self._lock:
                return family.encode_prompts(processor, [(request.turns, request.frames) for request in requests])
        rows = [self._take(request) for request in requests]
        with self._lock:
            return family.join_prompts(processor, rows)

    def around_clip(self, request: Request) -> tuple[list[int], list[int]]:
        """Return the ids of a prompt before and after its clip; see ``Family.encode_around_clip``."""
        if request.frames is None:
            raise ValueError("a request without a clip has nothing around it.")
        with self._lock:
            return self._loaded.family.encode_around_clip(self._loaded.processor, request.turns, request.frames)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of an answer, without special tokens and outer white space."""
        with self._lock:
            return str(self._loaded.processor.tokenizer.decode(token_ids, skip_special_tokens=True)).strip()

    def forget(self) -> None:
        """Drop what is ahead, to give its memory back."""
        for ahead in self._ahead.values():
            ahead.row.cancel()
        self._ahead.clear()

    def _take(self, request: Request) -> BatchInputs:
        ahead = self._ahead.pop(id(request), None)
        began_s = time.perf_counter()
        # Not begun: it is no sooner there than here. Failed: the model may have had the memory, or it fails here too.
        if ahead is None or ahead.row.cancel() or ahead.row.exception() is not None:
            return self._encode_timed(request)[0]
        row, spent_s = ahead.row.result()
        self.hidden_s += spent_s - (time.perf_counter() - began_s)
        return row

    def _encode_timed(self, request: Request) -> tuple[BatchInputs, float]:
        with self._lock:
            began_s = time.perf_counter()
            row = self._loaded.family.encode_prompts(self._loaded.processor, [(request.turns, request.frames)])
            return row, time.perf_counter() - began_s


def _size_bytes(request: Request) -> int:
    return 0 if request.frames is None else _GROWTH * request.frames.num_bytes
