"""The frame contract: what train, predict, evaluate and serve all see of a clip.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidtune.media._sound import Sound


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Frames of one clip, upright, with where each came from. As many are delivered as were requested."""

    frames_thwc: NDArray[np.uint8]
    """RGB frames in the order of their times."""

    indices: tuple[int, ...]
    """Of each frame, its place in display order; the first frame of the clip is 0."""

    times_s: tuple[float, ...]
    """Of each frame, when it appears, in seconds after the first frame of the clip."""

    fps: float
    """Mean frames per second of the clip."""

    rotation_deg: int
    """How far the stored frames were turned counter-clockwise to stand upright: 0, 90, 180 or 270."""

    duration_s: float
    """Presentation time of the clip, last frame included."""

    coverage: float
    """Share of the clip that is nearer to a delivered frame than half of ``duration_s / num_requested``.

    1 when the frames are spread evenly; 0.25 when all of them come from the first quarter.
    """

    source_sha256: str
    """Of the content of the file."""

    num_requested: int
    """How many frames the selector asked for."""

    padded: int = 0
    """How many of the frames repeat another one, because the clip has too few."""

    num_damaged: int = 0
    """How many of the frames the decoder had to patch up because their data is damaged."""

    num_in_clip: int = 0
    """How many frames the clip has; 0 when that is not known."""

    num_lost: int = 0
    """How many more it should have, as far as that came to light: the file lists them and no decoder can show them, or
    they are missing from an otherwise steady rate."""

    num_corrupt: int = 0
    """How many coded frames of the clip its container says are damaged."""

    time_accuracy: Literal["exact", "keyframe"] = "exact"
    """``exact``: each frame is the one on screen at the time that was asked for. ``keyframe``: the key frame nearest
    to it. ``times_s`` is true either way."""

    reasons: tuple[str, ...] = ()
    """Of each frame, in a few words, why it was chosen; empty when the times were given."""

    start_s: float | None = None
    """Where the part of the clip begins that was read; None when all of it was."""

    end_s: float | None = None
    """Where that part ends."""

    sound: Sound | None = None
    """What is heard with the frames; None where nothing is. Whoever changes frames leaves it as it is."""

    @property
    def num_bytes(self) -> int:
        """What pixels and sound take in memory."""
        return self.frames_thwc.nbytes + (0 if self.sound is None else self.sound.waveform_n.nbytes)

    @property
    def num_delivered(self) -> int:
        """How many frames there are."""
        return len(self.frames_thwc)

    def to_record(self) -> dict[str, Any]:
        """Return what a prediction record keeps."""
        part = {} if self.start_s is None else {"start_s": self.start_s, "end_s": self.end_s}
        return {
            "requested": self.num_requested,
            "delivered": self.num_delivered,
            "padded": self.padded,
            "damaged": self.num_damaged,
            "in_clip": self.num_in_clip,
            "lost": self.num_lost,
            "corrupt": self.num_corrupt,
            "time_accuracy": self.time_accuracy,
            "indices": list(self.indices),
            "times_s": [round(time_s, 6) for time_s in self.times_s],
            "coverage": round(self.coverage, 6),
            "duration_s": round(self.duration_s, 6),
            "fps": round(self.fps, 6),
            "rotation_deg": self.rotation_deg,
            "source_sha256": self.source_sha256,
            **part,
        }


def frameset_from_array(frames_thwc: NDArray[np.uint8], *, fps: float) -> FrameSet:
    """Return frames that are in memory already as a FrameSet that holds all of them.

    Args:
        frames_thwc: RGB frames, at least one.
        fps: Their rate.

    Raises:
        ValueError: If the array is not uint8 RGB frames, or ``fps`` is not positive.
    """
    if frames_thwc.dtype != np.uint8 or frames_thwc.ndim != 4 or frames_thwc.shape[3] != 3 or not frames_thwc.size:
        raise ValueError(f"expected uint8 frames (t, h, w, 3), found {frames_thwc.dtype} {frames_thwc.shape}.")
    if not fps > 0:
        raise ValueError(f"fps must be more than 0, found {fps}.")
    num_frames = len(frames_thwc)
    times_s = tuple(index / fps for index in range(num_frames))
    return FrameSet(
        frames_thwc=frames_thwc,
        indices=tuple(range(num_frames)),
        times_s=times_s,
        fps=fps,
        rotation_deg=0,
        duration_s=num_frames / fps,
        coverage=1.0,
        source_sha256=hashlib.sha256(frames_thwc.tobytes()).hexdigest(),
        num_requested=num_frames,
        num_in_clip=num_frames,
    )


def measure_coverage(spans_s: Sequence[tuple[float, float]], duration_s: float) -> float:
    """Return the share of the clip within half a segment of a delivered frame.

    Args:
        spans_s: For each frame, from when to when it is on screen; ascending.
        duration_s: Length of the clip; it is thought to be cut into as many segments as there are spans.

    Example:
        >>> measure_coverage([(0.9, 1.1), (2.8, 3.0), (5.0, 5.2), (6.9, 7.1)], 8.0)
        1.0
        >>> measure_coverage([(0.0, 0.5), (0.5, 1.0)], 8.0)
        0.375
    """
    reach_s = duration_s / len(spans_s) / 2
    covered_s = end_s = 0.0
    for from_s, to_s in spans_s:
        start_s = max(end_s, from_s - reach_s)
        end_s = max(end_s, min(to_s + reach_s, duration_s))
        covered_s += max(0.0, end_s - start_s)
    return min(1.0, covered_s / duration_s)
