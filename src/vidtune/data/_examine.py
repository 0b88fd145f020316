"""Look at clips from end to end: what each is, whether it can be read, how good it is.

Several at a time, in threads: decoding happens in the media room's own processes, which a clip may stall or end without
harm to the others.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vidtune.core.environment import num_usable_cores
from vidtune.core.errors import VideoTimeout, VideoUnreadable, VidtuneError
from vidtune.core.hashing import sha256_file

if TYPE_CHECKING:
    from vidtune.media import ReadLimits, VideoInfo
    from vidtune.media.quality import LookedAt

Status = Literal["ok", "partial", "bad"]

_READABLE_FRAMES = 8
_LEAST_S = 0.01


@dataclass(frozen=True)
class ExamineConfig:
    """How clips are looked at; part of what decides whether an earlier look still counts."""

    timeout_s: float = 60.0
    """For one clip."""

    is_quick: bool = False
    """Probe only: no frame is decoded, nothing is said about quality or near-duplicates."""

    num_frames: int = 20
    stride_frames: int | None = None
    """As in ``QualityConfig``."""


def examine_clips(
    paths: Sequence[Path], config: ExamineConfig, *, num_workers: int | None = None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each path with the record of its clip, as they are finished; whatever is wrong is in the record."""
    # Before the first clip's clock runs: loading takes longer than most clips.
    import vidtune.media.quality

    vidtune.media.quality.measures.names()
    num_threads = max(1, min(num_workers or num_usable_cores(), len(paths)))
    with ThreadPoolExecutor(num_threads, thread_name_prefix="examine") as pool:
        futures = {pool.submit(_examine, path, config): path for path in paths}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            for future in futures:
                future.cancel()


def _examine(path: Path, config: ExamineConfig) -> dict[str, Any]:
    try:
        return examine_clip(path, config)
    except Exception as exc:  # the edge of one clip: our bug is its record and not the end of the others
        return _bad("internal", " ".join(f"{type(exc).__name__}: {exc}".split()))


def examine_clip(path: Path, config: ExamineConfig) -> dict[str, Any]:
    """Return a record of JSON values about a clip; whatever is wrong with it is in the record.

    ``status`` is `ok`, `partial` (some frames can be had) or `bad` (none can), with ``code`` and ``reason``;
    ``is_usable`` says whether a run would get frames from it.
    """
    # The media room loads PyAV and OpenCV; reading annotations should not.
    from vidtune.media import probe_video

    clock = _Clock(config.timeout_s)
    record: dict[str, Any] = {"status": "ok", "code": "", "reason": "", "is_usable": True}
    try:
        info = probe_video(path, limits=clock.limits())
        record |= _facts(info)
        record["sha256"] = sha256_file(path)
        if not config.is_quick:
            record |= _look(path, info, config, clock)
    except VideoTimeout:
        # Each step had what those before it left over.
        record |= _bad(VideoTimeout.code, f"{path} was not read within {config.timeout_s:g} s.")
    except VidtuneError as exc:
        record |= _failure(path, exc, clock)
    return {**record, "seconds": round(clock.passed_s, 3)}


class _Clock:
    """The time that one clip may take, all steps together."""

    def __init__(self, timeout_s: float) -> None:
        self._began_s = time.monotonic()
        self._timeout_s = timeout_s

    @property
    def passed_s(self) -> float:
        """Seconds since the clip's turn came."""
        return time.monotonic() - self._began_s

    def limits(self) -> ReadLimits:
        """Return limits for the next step: the time that is left, on all processors."""
        from vidtune.media import ReadLimits

        left_s = max(_LEAST_S, self._timeout_s - self.passed_s)
        return ReadLimits(timeout_s=left_s, max_cpu_s=max(1.0, left_s) * num_usable_cores())


def _bad(code: str, reason: str) -> dict[str, Any]:
    return {"status": "bad", "code": code, "reason": reason, "is_usable": False}


def _facts(info: VideoInfo) -> dict[str, Any]:
    return {
        "size_bytes": info.size_bytes,
        "container": info.container,
        "codec": info.codec,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "fps": round(info.fps, 4),
        "duration_s": round(info.duration_s, 4),
        "num_frames": info.num_frames,
        "has_audio": info.has_audio,
    }


def _look(path: Path, info: VideoInfo, config: ExamineConfig, clock: _Clock) -> dict[str, Any]:
    from vidtune.media.quality import QualityConfig, fingerprint_of, look_at, measure_quality

    looked = look_at(path, info, num_full=config.num_frames, stride_frames=config.stride_frames, limits=clock.limits())
    quality = QualityConfig(num_frames=config.num_frames, stride_frames=config.stride_frames)
    fingerprint = fingerprint_of(looked)
    return {
        "width_px": looked.width_px,
        "height_px": looked.height_px,
        "rotation_deg": looked.rotation_deg,
        "is_variable_rate": looked.is_variable_rate,
        "num_damaged": looked.num_damaged,
        "quality": {name: _rounded(value) for name, value in measure_quality(looked, quality).items()},
        "fingerprint": fingerprint.to_text() if fingerprint is not None else None,
        **_judge_decoding(path, info, looked, clock),
    }


def _judge_decoding(path: Path, info: VideoInfo, looked: LookedAt, clock: _Clock) -> dict[str, Any]:
    """Say whether all frames that the file lists came out whole."""
    is_walked_whole = looked.is_every_frame and looked.small_times_s[-1] > 0.5 * info.duration_s
    if is_walked_whole and info.num_frames is not None and looked.num_frames < info.num_frames:
        reason = f"{looked.num_frames} of {info.num_frames} frames can be decoded."
        return {"status": "partial", "code": "frames_short", "reason": reason, "is_usable": _is_readable(path, clock)}
    if looked.num_damaged:
        reason = f"{looked.num_damaged} of {looked.num_frames} frames are damaged and were patched up by the decoder."
        return {"status": "partial", "code": "frames_damaged", "reason": reason}
    return {}


def _failure(path: Path, error: VidtuneError, clock: _Clock) -> dict[str, Any]:
    from vidtune.media.quality import count_decodable_frames

    num_frames = count_decodable_frames(path, limits=clock.limits()) if isinstance(error, VideoUnreadable) else 0
    status: Status = "partial" if num_frames else "bad"
    salvage = f" {num_frames} frames before the damage can be decoded." if num_frames else ""
    return {"status": status, "code": error.code, "reason": f"{error.problem}{salvage}", "is_usable": False}


def _is_readable(path: Path, clock: _Clock) -> bool:
    from vidtune.media import SamplingConfig, read_frames

    try:
        read_frames(path, SamplingConfig(num_frames=_READABLE_FRAMES), limits=clock.limits())
    except VidtuneError:
        return False
    return True


def _rounded(value: float) -> float:
    """Return six significant digits: what a ledger needs, and the same on every machine."""
    return float(f"{value:.6g}") if math.isfinite(value) else 0.0
