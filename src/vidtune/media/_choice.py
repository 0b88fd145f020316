"""Choose frames of one clip in several ways and keep what is needed to show and compare them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidtune.media._clip_view import ClipView
from vidtune.media._frameset import FrameSet
from vidtune.media._sampling import Curve, SamplingConfig, Selection, selectors


@dataclass(frozen=True)
class Choice:
    """What one selector chose of a clip."""

    sampling: SamplingConfig
    selection: Selection
    frames: FrameSet
    """The chosen frames themselves."""

    select_s: float
    """How long choosing took, the first pass over the clip included when this selector was the first to need it."""

    def to_record(self) -> dict[str, Any]:
        """Return the choice as JSON values."""
        # A clip of varying rate may show one frame at two chosen times: each time keeps its reason.
        frames = [
            {"index": index, "time_s": round(time_s, 6), "asked_s": round(asked_s, 6), "reason": reason}
            for index, time_s, asked_s, reason in zip(
                self.frames.indices, self.frames.times_s, self.selection.times_s, self.selection.reasons, strict=True
            )
        ]
        return {
            "selector": self.sampling.kind,
            "options": dict(self.sampling.options),
            "requested": self.sampling.num_frames,
            "delivered": self.frames.num_delivered,
            "padded": self.frames.padded,
            "coverage": round(self.frames.coverage, 6),
            "rotation_deg": self.frames.rotation_deg,
            "select_s": round(self.select_s, 4),
            "frames": frames,
        }


def timed_selection(view: ClipView, sampling: SamplingConfig) -> tuple[Selection, float]:
    """Return what the selector of ``sampling`` chooses, and how many seconds that took."""
    began_s = time.perf_counter()
    selection = selectors.get(sampling.kind).select(view, sampling)
    return selection, time.perf_counter() - began_s


def clip_curves(view: ClipView, num_frames: int, selections: Sequence[Selection] = ()) -> dict[str, Curve]:
    """Return motion, entropy and scene change along the clip, and the relevance that a selection went by.

    Args:
        view: The clip.
        num_frames: How many frames are chosen; it decides the rate of the first pass.
        selections: Where to look for relevance.
    """
    # OpenCV is imported where it is used: every decoder process imports this room.
    from vidtune.media._signals import content_change, grey_entropy, mean_abs_difference

    measures = {"motion": mean_abs_difference, "entropy": grey_entropy, "scene change": content_change}
    rate_hz = view.plan_rate_hz(num_frames)
    times_s = tuple(view.scan(rate_hz).times_s.tolist())
    curves = {
        name: Curve(times_s, tuple(view.measured(measure, rate_hz).tolist())) for name, measure in measures.items()
    }
    for selection in selections:
        if "relevance" in selection.curves:
            curves.setdefault("relevance", selection.curves["relevance"])
    return curves


def choices_record(
    view: ClipView, choices: Sequence[Choice], curves: Mapping[str, Curve], *, num_digits: int = 4
) -> dict[str, Any]:
    """Return everything that a contact sheet shows as JSON values."""
    info = view.info
    return {
        "video": str(info.path),
        "duration_s": round(info.duration_s, 6),
        "fps": round(info.fps, 6),
        "width_px": info.width_px,
        "height_px": info.height_px,
        "num_frames": info.num_frames,
        "codec": info.codec,
        "query": view.query,
        "choices": [choice.to_record() for choice in choices],
        "curves": {
            name: {
                "times_s": [round(time_s, num_digits) for time_s in curve.times_s],
                "values": [round(value, num_digits) for value in curve.values],
            }
            for name, curve in curves.items()
        },
    }
