"""Decode clips ahead of the model, in threads, without holding more of them than memory should."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidtune.core.errors import TryAgain, VideoUnreadable, VidtuneError

if TYPE_CHECKING:
    from vidtune.data import Sample, SoundSource, SubtitlesShown
    from vidtune.media import ClipPart, FrameFolder, FrameSet

_MAX_WAITING_BYTES = 1 << 30
_NUM_REMEMBERED = 4


@dataclass(frozen=True)
class Footage:
    """What is to be read: a clip or a part of one, and what is asked about it where the choice depends on that."""

    source: Path | FrameFolder | ClipPart
    query: str | None = None

    sound: SoundSource | None = None
    """What is heard with it."""


@dataclass(frozen=True)
class Clip:
    """What reading one sample's video gave: frames, or the error that stands in their place."""

    sample: Sample
    frames: FrameSet | None
    error: VidtuneError | None
    read_s: float
    subtitles: SubtitlesShown | None = None
    """How its question was asked with subtitles; None where it has none, or none were to be shown."""


@dataclass(frozen=True)
class _Outcome:
    """What reading one file gave."""

    frames: FrameSet | None
    error: VidtuneError | None
    read_s: float


def read_ahead(
    samples: Sequence[Sample],
    find: Callable[[Sample], Footage],
    read: Callable[[Footage], FrameSet],
    *,
    num_readers: int,
    num_ahead: int,
) -> Iterator[Clip]:
    """Yield the clip of every sample, in order, while up to ``num_ahead`` later ones are being decoded.

    Footage that several samples are about is decoded once, if they follow each other closely enough.

    Args:
        samples: In the order in which they are wanted.
        find: Returns what a sample is about, or raises ``VideoMissing``.
        read: Returns the frames of it.
        num_readers: Threads; FFmpeg decodes outside Python's lock.
        num_ahead: Clips decoded or being decoded beyond the one that is yielded; fewer when clips are large.
    """
    pool = ThreadPoolExecutor(num_readers, thread_name_prefix="vidtune-reader")
    recent: OrderedDict[Footage, Future[_Outcome]] = OrderedDict()
    pending: deque[tuple[Sample, Future[_Outcome] | VidtuneError]] = deque()
    clip_bytes = 0
    todo = iter(samples)
    try:
        while True:
            while len(pending) <= num_ahead and (not pending or len(pending) * clip_bytes < _MAX_WAITING_BYTES):
                upcoming = next(todo, None)
                if upcoming is None:
                    break
                pending.append((upcoming, _submit(pool, recent, upcoming, find, read)))
            while len(recent) > len(pending) + _NUM_REMEMBERED:
                recent.popitem(last=False)
            if not pending:
                return
            sample, result = pending.popleft()
            outcome = _Outcome(None, result, 0.0) if isinstance(result, VidtuneError) else result.result()
            clip = Clip(sample, outcome.frames, outcome.error, outcome.read_s)
            if clip.frames is not None:
                clip_bytes = clip.frames.num_bytes
            yield clip
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(
    pool: ThreadPoolExecutor,
    recent: OrderedDict[Footage, Future[_Outcome]],
    sample: Sample,
    find: Callable[[Sample], Footage],
    read: Callable[[Footage], FrameSet],
) -> Future[_Outcome] | VidtuneError:
    try:
        footage = find(sample)
    except VidtuneError as exc:
        return exc
    if footage not in recent:
        recent[footage] = pool.submit(_read_timed, read, footage)
    return recent[footage]


def _read_timed(read: Callable[[Footage], FrameSet], footage: Footage) -> _Outcome:
    """Read one file. This is the edge of one sample: whatever reading throws becomes its error."""
    began_s = time.perf_counter()
    frames: FrameSet | None = None
    error: VidtuneError | None = None
    try:
        frames = read(footage)
    except TryAgain:
        raise  # the machine's trouble, not the file's
    except VidtuneError as exc:
        error = exc
    except Exception as exc:  # one strange file must not end a run over a thousand
        problem = f"{footage.source} cannot be read: {type(exc).__name__}: {exc}."
        error = VideoUnreadable(problem, "Please report this file.")
    return _Outcome(frames, error, time.perf_counter() - began_s)
