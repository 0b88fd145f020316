"""A clip that a decoder process reads, as seen from here. Nothing that the process says is trusted."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vidtune.core.errors import VideoTimeout
from vidtune.media._clip import PacketSizes, Scan, Wanted, WantedScan
from vidtune.media._container import ClipFile, check_file
from vidtune.media._errors import VideoDecoderDied
from vidtune.media._frameset import FrameSet
from vidtune.media._limits import ReadLimits
from vidtune.media._pieces import get_piece
from vidtune.media._probe import VideoInfo
from vidtune.media._sound import Sound, WantedSound
from vidtune.media._walk import WalkedFrame, WantedWalk
from vidtune.media._wire import Nonsense, error_of, get_array
from vidtune.media._worker_pool import Worker, lent_worker


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
    with lent_worker(limits.max_memory_bytes) as worker:
        opened = IsolatedClip(worker, clip, limits)
        opened.open(descriptor)
        yield opened
        opened.close()


def walk_isolated(clip: ClipFile, wanted: WantedWalk, limits: ReadLimits) -> Iterator[WalkedFrame]:
    """Yield the frames of a file that can be decoded, in display order, as ``walk_here`` does.

    Raises:
        VideoDecoderDied: If the process ends without an answer.
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    check_file(clip, limits)
    with lent_worker(limits.max_memory_bytes) as worker:
        walked = IsolatedClip(worker, clip, limits)
        yield from walked.walk(wanted)
        walked.close()


def read_isolated_sound(clip: ClipFile, wanted: WantedSound, limits: ReadLimits) -> Sound:
    """Return the sound of a file, as ``read_sound_file`` does.

    Raises:
        VideoDecoderDied: If the process ends without an answer.
        SoundMissing, SoundUnreadable, SoundEmpty: As ``read_sound``.
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    check_file(clip, limits)
    with lent_worker(limits.max_memory_bytes) as worker:
        heard = IsolatedClip(worker, clip, limits)
        sound = heard.sound(wanted)
        heard.close()
        return sound


class IsolatedClip:
    """A clip that a decoder process reads."""

    info: VideoInfo
    """Of one that was opened."""

    def __init__(self, worker: Worker, clip: ClipFile, limits: ReadLimits) -> None:
        self._worker = worker
        self._clip = clip
        self._limits = limits

    def open(self, descriptor: int | None) -> None:
        """Have the process open and walk the file."""
        answer = self._ask(self._about("open"), () if descriptor is None else (descriptor,))
        with self._trusting_nothing():
            self.info = VideoInfo(**{**answer["info"], "path": Path(self._clip.label)})

    def walk(self, wanted: WantedWalk) -> Iterator[WalkedFrame]:
        """Yield all frames that can be decoded; the file need not be open."""
        answer = self._ask({**self._about("walk"), "wanted": asdict(wanted)})
        while True:
            with self._trusting_nothing():
                frames = list(get_piece(self._worker.results, answer["arrays"]))
                # One that would go on for ever, with frames or without any, has been taken over.
                last = frames[-1].index if frames else -1
                if last >= self._limits.max_frames or not (frames or "end" in answer):
                    raise Nonsense
            yield from frames
            if "end" in answer:
                break
            answer = self._ask({"op": "walk_on"})
        with self._trusting_nothing():
            if answer["end"]:
                raise error_of(answer["end"])

    def sound(self, wanted: WantedSound) -> Sound:
        """Return the sound of the file, which need not be open."""
        answer = self._ask({**self._about("sound"), "wanted": asdict(wanted)})
        with self._trusting_nothing():
            waveform_n = self._array(answer, "waveform_n")
            most = math.ceil((wanted.stop_s - wanted.start_s) * wanted.sample_rate_hz) + 1
            if waveform_n.dtype != np.float32 or waveform_n.ndim != 1 or not 0 < len(waveform_n) <= most:
                raise Nonsense
            if not np.isfinite(waveform_n).all():
                raise Nonsense
            return Sound(waveform_n=waveform_n, **answer["fields"])

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

    def _about(self, operation: str) -> dict[str, Any]:
        return {
            "op": operation,
            "path": os.path.abspath(self._clip.path),
            "label": self._clip.label,
            "limits": self._limits.model_dump(mode="json"),
        }

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
