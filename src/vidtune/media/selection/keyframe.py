"""Frames at which the encoder began anew: the cheapest to decode, and often the beginning of a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidtune.media._sampling import NoOptions, Selection
from vidtune.media.selection.uniform import sample_times

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView


class KeyframeSelector:
    """Key frames of the stream, evenly among them; where there are too few, the widest gaps are filled."""

    needs_fps = False
    takes_query = False
    options_class = NoOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return key frames nearest to the middles of equal segments; reads packets, decodes nothing."""
        packets = view.packets()
        keys_s = packets.times_s[packets.is_keyframe]
        chosen = spread_keyframes(keys_s, view.info.duration_s, sampling.num_frames)
        reasons = {float(time_s): "a key frame of the stream" for time_s in chosen}
        while len(reasons) < sampling.num_frames:
            reasons[_middle_of_widest_gap(sorted(reasons), view.info.duration_s)] = "no key frame left, fills a gap"
        times_s = sorted(reasons)
        return Selection(tuple(times_s), tuple(reasons[time_s] for time_s in times_s))


def spread_keyframes(keys_s: NDArray[np.float64], duration_s: float, num: int) -> list[float]:
    """Return at most ``num`` of the ascending times, each as near as can be to the middle of a segment of its own.

    Example:
        >>> spread_keyframes(np.array([0.0, 1.0, 4.0, 5.0, 9.0]), 10.0, 2)
        [1.0, 9.0]
    """
    if len(keys_s) <= num:
        return [float(time_s) for time_s in keys_s]
    chosen: list[float] = []
    first_free = 0
    for number, middle_s in enumerate(sample_times(duration_s, num)):
        # Enough must be left for the segments that follow.
        last_free = len(keys_s) - (num - number)
        free = keys_s[first_free : last_free + 1]
        place = first_free + len(free) - 1 - int(np.argmin(np.abs(free[::-1] - middle_s)))
        chosen.append(float(keys_s[place]))
        first_free = place + 1
    return chosen


def _middle_of_widest_gap(times_s: list[float], duration_s: float) -> float:
    edges_s = [0.0, *times_s, duration_s]
    # The ends of the clip are bordered by one frame only, so their gaps count in full and are filled at their far end.
    gaps_s = [after - before for before, after in zip(edges_s, edges_s[1:], strict=False)]
    place = int(np.argmax(gaps_s))
    return (edges_s[place] + edges_s[place + 1]) / 2


keyframe = KeyframeSelector()
