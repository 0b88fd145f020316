"""Every scene gets its frames: cuts are found by PySceneDetect, the budget is shared by length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.core.errors import NotInstalled
from vidtune.media._signals import content_change
from vidtune.media.selection._candidates import Candidates, FirstPassOptions, at_clock, select_from_candidates
from vidtune.media.selection.uniform import sample_times

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection


class SceneOptions(FirstPassOptions):
    """Settings of ``scene``."""

    detector: Literal["content", "adaptive"] = "adaptive"
    """`content`: a cut where the picture changes more than the threshold. `adaptive`: where it changes that many times
    more than around it, which a moving camera does not set off."""

    threshold: Annotated[float, Field(gt=0, le=255)] | None = None
    """None: PySceneDetect's own, 27 for `content` and 3 for `adaptive`."""

    min_scene_s: Annotated[float, Field(ge=0)] = 1.0
    """Shortest scene in seconds."""


def find_cuts(
    frames_thwc: NDArray[np.uint8], rate_hz: float, *, detector: str, threshold: float | None, min_scene_s: float
) -> list[int]:
    """Return the indices of frames with which a new scene begins, by PySceneDetect.

    Args:
        frames_thwc: RGB frames.
        rate_hz: How many a second.
        detector: ``content`` or ``adaptive``.
        threshold: Of the detector; None is its default.
        min_scene_s: Shortest scene.

    Raises:
        NotInstalled: If PySceneDetect is not there.
    """
    try:
        from scenedetect import FrameTimecode
        from scenedetect.detectors import AdaptiveDetector, ContentDetector
    except ImportError as exc:
        raise NotInstalled(
            "the selector 'scene' needs PySceneDetect, which is not installed.",
            "Run `pip install vidtune[scenes]`, or choose another selector.",
        ) from exc

    min_scene_len = max(1, round(min_scene_s * rate_hz))
    settings = {} if threshold is None else {_THRESHOLD_NAMES[detector]: threshold}
    maker = AdaptiveDetector if detector == "adaptive" else ContentDetector
    found = maker(min_scene_len=min_scene_len, **settings)
    cuts = []
    for index, frame in enumerate(frames_thwc):
        cuts += found.process_frame(FrameTimecode(index, rate_hz), np.ascontiguousarray(frame[:, :, ::-1]))
    cuts += found.post_process(FrameTimecode(max(0, len(frames_thwc) - 1), rate_hz))
    return sorted({cut.frame_num for cut in cuts} - {0})


def share_out(lengths: list[float], num: int) -> list[int]:
    """Return how many of ``num`` each part gets: one for each first, the longest first, then always where it is sparse.

    Example:
        >>> share_out([10.0, 1.0, 5.0], 6), share_out([10.0, 1.0, 5.0], 2)
        ([3, 1, 2], [1, 0, 1])
    """
    counts = [0] * len(lengths)
    for _ in range(num):
        # Largest length a frame; a part without one comes first.
        place = max(range(len(lengths)), key=lambda part: (counts[part] == 0, lengths[part] / (counts[part] or 1)))
        counts[place] += 1
    return counts


class SceneSelector:
    """Frames at the middles of equal segments of every scene."""

    needs_fps = False
    takes_query = False
    options_class = SceneOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return at least one frame of every scene, of the longest ones when there are more scenes than frames."""
        options = SceneOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            cuts = find_cuts(
                view.scan(candidates.rate_hz).frames_thwc,
                candidates.rate_hz,
                detector=options.detector,
                threshold=options.threshold,
                min_scene_s=options.min_scene_s,
            )
            change_t = view.measured(content_change, candidates.rate_hz)
            return _by_scene(candidates, sampling.num_frames, cuts, change_t)

        return select_from_candidates(view, sampling, options, choose)


def _by_scene(candidates: Candidates, num: int, cuts: list[int], change_t: NDArray[np.float64]) -> Selection:
    from vidtune.media._sampling import Selection

    starts = [0.0, *(float(candidates.times_s[cut]) for cut in cuts)]
    ends = [*starts[1:], candidates.view.info.duration_s]
    counts = share_out([end - start for start, end in zip(starts, ends, strict=True)], num)
    times_s, reasons = [], []
    for number, (start, end, count) in enumerate(zip(starts, ends, counts, strict=True), 1):
        if count:
            times_s += [start + offset_s for offset_s in sample_times(end - start, count)]
            reasons += [f"scene {number} of {len(starts)}, {at_clock(start)} to {at_clock(end)}"] * count
    return Selection(tuple(times_s), tuple(reasons), {"scene change": candidates.curve(change_t)})


_THRESHOLD_NAMES = {"content": "threshold", "adaptive": "adaptive_threshold"}

scene = SceneSelector()
