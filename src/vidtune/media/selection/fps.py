"""Frames at a fixed rate, spread thinner when the clip is too long for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidtune.media._sampling import NoOptions, Selection
from vidtune.media.selection.uniform import sample_times

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig, VideoInfo
    from vidtune.media._clip_view import ClipView


class FpsSelector:
    """As many frames as the rate gives, at most ``num_frames``.

    A clip that is longer than ``num_frames / fps`` is sampled at a lower rate over its whole
    length, never cut off after the first ``num_frames``.
    """

    needs_fps = True
    takes_query = False
    options_class = NoOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the middles of equal segments, about ``1 / fps`` seconds long or longer; looks at no frame."""
        times_s = self.select_times(view.info, sampling)
        rate_hz = len(times_s) / view.info.duration_s
        reason = f"one of {len(times_s)} at {rate_hz:.3g} frames/s, asked for {sampling.fps:g} and at most "
        return Selection(tuple(times_s), (reason + f"{sampling.num_frames} frames",) * len(times_s))

    def select_times(self, info: VideoInfo, sampling: SamplingConfig) -> list[float]:
        """Return the times alone."""
        if sampling.fps is None:
            raise ValueError("sampling.fps is None; the fps selector needs a rate.")
        num_frames = max(1, round(info.duration_s * sampling.fps))
        return sample_times(info.duration_s, min(num_frames, sampling.num_frames))


fps = FpsSelector()
