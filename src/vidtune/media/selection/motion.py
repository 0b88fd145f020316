"""More frames where more moves: even steps of accumulated motion instead of even steps of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.media._sampling import Curve, Selection
from vidtune.media._signals import flow_magnitude, mean_abs_difference, packet_motion
from vidtune.media.selection._candidates import Candidates, FirstPassOptions, select_from_candidates

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView


class MotionOptions(FirstPassOptions):
    """Settings of ``motion``."""

    measure: Literal["difference", "flow", "packets"] = "difference"
    """`difference`: mean absolute difference of grey levels. `flow`: length of the optical flow, which lighting does
    not change; slower. `packets`: sizes of the coded frames, with nothing decoded; a rough guess."""

    stillness: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Part of the frames that goes by time alone, so that a still stretch is not left out; 1 is `uniform`."""


def even_steps(
    times_t: NDArray[np.float64], motion_t: NDArray[np.float64], duration_s: float, num: int, stillness: float
) -> NDArray[np.float64]:
    """Return ``num`` times at the middles of even steps of accumulated motion mixed with time.

    Motion of a frame is what happened since the frame before, so it is accumulated over the time between them.

    Args:
        times_t: Ascending, in seconds.
        motion_t: 0 or more, one a time.
        duration_s: Length of the clip.
        num: How many times.
        stillness: Weight of time; motion has the rest.
    """
    edges_s = np.concatenate([[0.0], times_t[1:], [duration_s]])
    moved = np.concatenate([[0.0], np.cumsum(motion_t[1:]), [motion_t[1:].sum()]])
    share = edges_s / duration_s
    if moved[-1] > 0:
        share = stillness * share + (1 - stillness) * moved / moved[-1]
    middles = (np.arange(num) + 0.5) / num
    times_s: NDArray[np.float64] = np.minimum(np.interp(middles, share, edges_s), np.nextafter(duration_s, 0))
    return times_s


class MotionSelector:
    """Frames at even steps of accumulated motion."""

    needs_fps = False
    takes_query = False
    options_class = MotionOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return frames that are dense where much moves."""
        options = MotionOptions(**sampling.options)
        if options.measure == "packets":
            packets = view.packets()
            motion_t = packet_motion(packets.sizes_bytes, packets.is_keyframe)
            return _at_even_steps(view, sampling, options, packets.times_s, motion_t)

        def choose(candidates: Candidates) -> Selection:
            measure = mean_abs_difference if options.measure == "difference" else flow_magnitude
            motion_t = view.measured(measure, candidates.rate_hz)
            return _at_even_steps(view, sampling, options, candidates.times_s, motion_t)

        return select_from_candidates(view, sampling, options, choose)


def _at_even_steps(
    view: ClipView,
    sampling: SamplingConfig,
    options: MotionOptions,
    times_t: NDArray[np.float64],
    motion_t: NDArray[np.float64],
) -> Selection:
    found_s = even_steps(times_t, motion_t, view.info.duration_s, sampling.num_frames, options.stillness)
    curve = Curve(tuple(times_t.tolist()), tuple(np.asarray(motion_t, dtype=np.float64).tolist()))
    reason = f"an even step of accumulated motion ({options.measure})"
    return Selection(tuple(found_s.tolist()), (reason,) * len(found_s), {"motion": curve})


motion = MotionSelector()
