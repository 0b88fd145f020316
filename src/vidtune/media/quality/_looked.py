"""What measures look at: all frames small and grey, and a few of them as they are.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import TryAgain, VideoEmpty, VidtuneError
from vidtune.media._frameset import FrameSet
from vidtune.media._limits import ReadLimits
from vidtune.media._probe import VideoInfo
from vidtune.media._read import read_frames, walk_frames
from vidtune.media._sampling import SamplingConfig
from vidtune.media._signals import grey_thw
from vidtune.media._walk import WantedWalk

Grey = NDArray[np.uint8]

_SMALL_SIDE_PX = 160
_LEAST_SIDE_PX = 16
_WALK_UP_TO_S = 90.0
"""A longer clip is not decoded whole; frames spread over it stand for it."""

_SPREAD_FRAMES = 64
_UNEVEN_SHARE = 0.3
"""Containers round times to a millisecond, which alone is 3 % of a frame."""


@dataclass(frozen=True, eq=False)
class LookedAt:
    """The frames of one clip that its quality is measured on."""

    small_thw: Grey
    """Grey frames with a longer side of at most 160 pixels, in display order."""

    small_times_s: NDArray[np.float64]
    is_every_frame: bool
    """Whether ``small_thw`` is all of the clip, so that neighbours are neighbours."""

    full_thw: tuple[Grey, ...]
    """Some frames in grey, as large as they are."""

    width_px: int
    """Upright."""

    height_px: int
    """Upright."""

    rotation_deg: int
    duration_s: float
    num_damaged: int
    """Frames that the decoder had to patch up."""

    @property
    def num_frames(self) -> int:
        """How many small frames there are."""
        return len(self.small_thw)

    @property
    def is_variable_rate(self) -> bool | None:
        """Whether frames stay on the screen for unlike times; None when not all were looked at."""
        if not self.is_every_frame or self.num_frames < 3:
            return None if not self.is_every_frame else False
        gaps_s = np.diff(self.small_times_s)
        return bool(gaps_s.max() - gaps_s.min() > _UNEVEN_SHARE * np.median(gaps_s))


def look_at(
    path: Path,
    info: VideoInfo,
    *,
    num_full: int = 20,
    stride_frames: int | None = None,
    limits: ReadLimits | None = None,
) -> LookedAt:
    """Decode a clip once and keep what measures need.

    Args:
        path: The clip.
        info: What probing it said.
        num_full: How many frames are kept as large as they are.
        stride_frames: Take them so many frames apart from the first one on; None spreads them over the clip.
        limits: What reading may cost.

    Raises:
        VideoMissing, VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout: As ``read_frames``.
    """
    if info.duration_s > _WALK_UP_TO_S and stride_frames is None:
        sampling = SamplingConfig(num_frames=_SPREAD_FRAMES)
        return look_at_frames(read_frames(path, sampling, limits=limits), num_full=num_full, is_every_frame=False)
    num_frames = info.num_frames or max(1, round(info.duration_s * info.fps))
    wanted = _wanted(num_frames, num_full, stride_frames)
    stop_after = None if info.duration_s <= _WALK_UP_TO_S else max(wanted)
    small: list[Grey] = []
    times_s: list[float] = []
    full: list[Grey] = []
    size_hw, rotation_deg, num_damaged = (0, 0), 0, 0
    each = WantedWalk(_SMALL_SIDE_PX, is_grey=True, full_indices=tuple(sorted(wanted)))
    for frame in walk_frames(path, each, limits=limits):
        small.append(frame.pixels_hwc[:, :, 0])
        times_s.append(frame.time_s)
        num_damaged += frame.is_damaged
        if frame.full_hwc is not None:
            full.append(frame.full_hwc[:, :, 0])
        if len(small) == 1:
            size_hw, rotation_deg = frame.size_hw, frame.rotation_deg
        if stop_after is not None and frame.index >= stop_after:
            break
    if not small:
        raise VideoEmpty(f"{path} has a video stream, and not a single frame in it can be decoded.", "Export it again.")
    return LookedAt(
        small_thw=np.stack(small),
        small_times_s=np.asarray(times_s),
        is_every_frame=True,
        full_thw=tuple(full),
        width_px=size_hw[1],
        height_px=size_hw[0],
        rotation_deg=rotation_deg,
        duration_s=info.duration_s,
        num_damaged=num_damaged,
    )


def look_at_frames(frameset: FrameSet, *, num_full: int = 20, is_every_frame: bool = True) -> LookedAt:
    """Return what measures need of frames that are in memory."""
    height, width = frameset.frames_thwc.shape[1:3]
    scale = min(1.0, _SMALL_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = grey_thw(frameset.frames_thwc)
    wanted = _wanted(len(grey), num_full, None)
    return LookedAt(
        small_thw=np.stack([np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) for frame in grey]),
        small_times_s=np.asarray(frameset.times_s),
        is_every_frame=is_every_frame,
        full_thw=tuple(grey[position] for position in sorted(wanted)),
        width_px=width,
        height_px=height,
        rotation_deg=frameset.rotation_deg,
        duration_s=frameset.duration_s,
        num_damaged=frameset.num_damaged,
    )


def count_decodable_frames(path: Path, *, limits: ReadLimits | None = None) -> int:
    """Return how many frames of a damaged file come out before the first error; 0 when it cannot be opened."""
    num_frames = 0
    try:
        for _ in walk_frames(path, WantedWalk(_LEAST_SIDE_PX, is_grey=True), limits=limits):
            num_frames += 1
    except TryAgain:
        raise  # the machine's trouble, not the file's
    except VidtuneError:
        pass  # this is how a damaged file ends; the count is what is wanted
    return num_frames


def _wanted(num_frames: int, num_full: int, stride_frames: int | None) -> frozenset[int]:
    if stride_frames is not None:
        return frozenset(range(0, min(num_frames, num_full * stride_frames), stride_frames))
    num_full = min(num_full, num_frames)
    return frozenset(int(num_frames * (position + 0.5) / num_full) for position in range(num_full))
