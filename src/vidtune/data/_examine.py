"""Look at one clip from end to end: what it is, whether it can be read, how good it is."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vidtune.core.errors import VideoUnreadable, VidtuneError
from vidtune.core.hashing import sha256_file

if TYPE_CHECKING:
    from vidtune.media import ReadLimits, VideoInfo
    from vidtune.media.quality import LookedAt

Status = Literal["ok", "partial", "bad"]

_READABLE_FRAMES = 8


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


def examine_clip(path: Path, config: ExamineConfig) -> dict[str, Any]:
    """Return a record of JSON values about a clip; whatever is wrong with it is in the record.

    ``status`` is `ok`, `partial` (some frames can be had) or `bad` (none can), with ``code`` and ``reason``;
    ``is_usable`` says whether a run would get frames from it.
    """
    # The media room loads PyAV and OpenCV; reading annotations should not.
    from vidtune.media import ReadLimits, probe_video

    began_s = time.monotonic()
    limits = ReadLimits(timeout_s=config.timeout_s)
    record: dict[str, Any] = {"status": "ok", "code": "", "reason": "", "is_usable": True}
    info: VideoInfo | None = None
    try:
        info = probe_video(path, limits=limits)
        record |= _facts(info)
        record["sha256"] = sha256_file(path)
        if not config.is_quick:
            record |= _look(path, info, config, limits)
    except VidtuneError as exc:
        record |= _failure(path, exc, limits)
    return {**record, "seconds": round(time.monotonic() - began_s, 3)}


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


def _look(path: Path, info: VideoInfo, config: ExamineConfig, limits: ReadLimits) -> dict[str, Any]:
    from vidtune.media.quality import QualityConfig, fingerprint_of, look_at, measure_quality

    looked = look_at(path, info, num_full=config.num_frames, stride_frames=config.stride_frames, limits=limits)
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
        **_judge_decoding(path, info, looked, limits),
    }


def _judge_decoding(path: Path, info: VideoInfo, looked: LookedAt, limits: ReadLimits) -> dict[str, Any]:
    """Say whether all frames that the file lists came out whole."""
    is_walked_whole = looked.is_every_frame and looked.small_times_s[-1] > 0.5 * info.duration_s
    if is_walked_whole and info.num_frames is not None and looked.num_frames < info.num_frames:
        reason = f"{looked.num_frames} of {info.num_frames} frames can be decoded."
        return {"status": "partial", "code": "frames_short", "reason": reason, "is_usable": _is_readable(path, limits)}
    if looked.num_damaged:
        reason = f"{looked.num_damaged} of {looked.num_frames} frames are damaged and were patched up by the decoder."
        return {"status": "partial", "code": "frames_damaged", "reason": reason}
    return {}


def _failure(path: Path, error: VidtuneError, limits: ReadLimits) -> dict[str, Any]:
    from vidtune.media.quality import count_decodable_frames

    num_frames = count_decodable_frames(path, limits=limits) if isinstance(error, VideoUnreadable) else 0
    status: Status = "partial" if num_frames else "bad"
    salvage = f" {num_frames} frames before the damage can be decoded." if num_frames else ""
    return {"status": status, "code": error.code, "reason": f"{error.problem}{salvage}", "is_usable": False}


def _is_readable(path: Path, limits: ReadLimits) -> bool:
    from vidtune.media import SamplingConfig, read_frames

    try:
        read_frames(path, SamplingConfig(num_frames=_READABLE_FRAMES), limits=limits)
    except VidtuneError:
        return False
    return True


def _rounded(value: float) -> float:
    """Return six significant digits: what a ledger needs, and the same on every machine."""
    return float(f"{value:.6g}") if math.isfinite(value) else 0.0
