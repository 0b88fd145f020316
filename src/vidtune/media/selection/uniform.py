"""Frames spread evenly over the whole clip."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vidtune.media._sampling import NoOptions, Selection

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig, VideoInfo
    from vidtune.media._clip_view import ClipView


def sample_times(duration_s: float, num_frames: int) -> list[float]:
    """Return the times of ``num_frames`` frames, at the middle of equal segments.

    The clip is cut into ``num_frames`` equal segments and each is read at its centre, so
    neither the first nor the last frame is favoured and no time reaches the end of the
    stream. Source: the test-time rule of TSN, ``_get_test_indices`` in yjxiong/tsn-pytorch
    @792df86, here in seconds instead of frame indices.

    Args:
        duration_s: Length of the clip in seconds of presentation time; more than 0.
        num_frames: How many times to return; at least 1.

    Returns:
        ``num_frames`` increasing times in seconds, each in ``(0, duration_s)``.

    Raises:
        ValueError: If ``duration_s`` or ``num_frames`` is not positive.

    Example:
        >>> sample_times(8.0, 4)
        [1.0, 3.0, 5.0, 7.0]
    """
    if not (duration_s > 0 and math.isfinite(duration_s)):
        raise ValueError(f"duration_s must be more than 0, found {duration_s}.")
    if num_frames < 1:
        raise ValueError(f"num_frames must be at least 1, found {num_frames}.")
    return [duration_s * (index + 0.5) / num_frames for index in range(num_frames)]


def uniform_selection(duration_s: float, num_frames: int, note: str = "") -> Selection:
    """Return the middles of equal segments as a selection; ``note`` goes into every reason."""
    times_s = sample_times(duration_s, num_frames)
    ending = f" ({note})" if note else ""
    reasons = (f"middle of segment {number} of {num_frames}{ending}" for number in range(1, num_frames + 1))
    return Selection(tuple(times_s), tuple(reasons))


class UniformSelector:
    """``num_frames`` frames at the middle of equal segments of presentation time."""

    needs_fps = False
    takes_query = False
    options_class = NoOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the middles of ``sampling.num_frames`` equal segments; looks at no frame."""
        return uniform_selection(view.info.duration_s, sampling.num_frames)

    def select_times(self, info: VideoInfo, sampling: SamplingConfig) -> list[float]:
        """Return the times alone."""
        return sample_times(info.duration_s, sampling.num_frames)


uniform = UniformSelector()
