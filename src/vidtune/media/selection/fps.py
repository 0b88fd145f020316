"""Frames at a fixed rate, spread thinner when the clip is too long for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidtune.media.selection.uniform import sample_times

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig, VideoInfo


class FpsSelector:
    """As many frames as the rate gives, at most ``num_frames``.

    A clip that is longer than ``num_frames / fps`` is sampled at a lower rate over its whole
    length, never cut off after the first ``num_frames``.
    """

    needs_fps = True

    def select_times(self, info: VideoInfo, sampling: SamplingConfig) -> list[float]:
        """Return the middles of equal segments, about ``1 / fps`` seconds long or longer."""
        if sampling.fps is None:
            raise ValueError("sampling.fps is None; the fps selector needs a rate.")
        num_frames = max(1, round(info.duration_s * sampling.fps))
        return sample_times(info.duration_s, min(num_frames, sampling.num_frames))


fps = FpsSelector()
