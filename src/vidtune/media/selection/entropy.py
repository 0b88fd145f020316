"""Frames with much to see: those of largest grey-level entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vidtune.media._signals import grey_entropy
from vidtune.media.selection._candidates import Candidates, FirstPassOptions, select_from_candidates
from vidtune.media.selection.topk import most_relevant

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection


class EntropyOptions(FirstPassOptions):
    """Settings of ``entropy``."""

    spread: Literal["segments", "none"] = "segments"
    """`segments`: the richest frame of each of num_frames equal segments. `none`: the richest of the clip, which may
    all be of one scene."""


def best_of_segments(values_t: NDArray[np.float64], times_t: NDArray[np.float64], num: int) -> list[int]:
    """Return for each of ``num`` equal parts of the candidates the index of its largest value; of equals the middle.

    Example:
        >>> best_of_segments(np.array([1.0, 3.0, 2.0, 2.0, 2.0, 2.0]), np.arange(6.0), 2)
        [1, 4]
    """
    chosen = []
    for part in np.array_split(np.arange(len(values_t)), num):
        values = values_t[part]
        best = part[values >= values.max() - 1e-9]
        middle_s = (times_t[part[0]] + times_t[part[-1]]) / 2
        chosen.append(int(best[np.argmin(np.abs(times_t[best] - middle_s))]))
    return chosen


class EntropySelector:
    """The frames of largest Shannon entropy of their grey levels."""

    needs_fps = False
    takes_query = False
    options_class = EntropyOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the richest frame of each segment, or the richest of all."""
        options = EntropyOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            entropy_t = view.measured(grey_entropy, candidates.rate_hz)
            if options.spread == "segments":
                chosen = best_of_segments(entropy_t, candidates.times_s, sampling.num_frames)
                where = "most of its segment"
            else:
                chosen = most_relevant(entropy_t, sampling.num_frames)
                where = "among the most of the clip"
            reasons = {index: f"entropy {entropy_t[index]:.2f} bit, {where}" for index in chosen}
            return candidates.selection(reasons, {"entropy": entropy_t})

        return select_from_candidates(view, sampling, options, choose)


entropy = EntropySelector()
