"""Adaptive keyframe sampling: halve the clip where relevance is flat, take peaks where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.media.selection._candidates import Candidates, FeatureOptions, select_from_candidates
from vidtune.media.selection.topk import filled_up, most_relevant

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection


class AksOptions(FeatureOptions):
    """Settings of ``aks``; the defaults are those of the paper's code."""

    peak_threshold: float = 0.8
    """A part is not halved when the mean of its best scores is this much above the mean of all."""

    spread_threshold: float = -100.0
    """A part is halved, too, when its scores deviate no more than this. Below 0 it has no say."""

    max_depth: Annotated[int, Field(ge=0, le=16)] = 5
    """How often the clip is halved at most."""


def adaptive_keyframes(
    relevance_t: NDArray[np.float64],
    num: int,
    *,
    peak_threshold: float = 0.8,
    spread_threshold: float = -100.0,
    max_depth: int = 5,
) -> dict[int, int]:
    """Return indices, each with how often the part it was taken from had been halved.

    A part at depth d gives its ``num // 2**d`` best frames. Source: Tang et al., "Adaptive keyframe sampling for long
    video understanding" (CVPR 2025). That rule may give fewer than ``num``; the caller fills up.

    Args:
        relevance_t: From 0 to 1, one a candidate.
        num: The budget.
        peak_threshold: See ``AksOptions``.
        spread_threshold: See ``AksOptions``.
        max_depth: See ``AksOptions``.
    """
    chosen: dict[int, int] = {}
    parts = [(0, len(relevance_t), 0)]
    while parts:
        start, stop, depth = parts.pop()
        scores = relevance_t[start:stop]
        best = np.sort(scores)[::-1][:num]
        has_peak = best.mean() - scores.mean() > peak_threshold and scores.std() > spread_threshold
        if has_peak or depth == max_depth or stop - start < 2:
            quota = num >> depth
            chosen |= {start + index: depth for index in most_relevant(scores, quota)}
        else:
            middle = start + (stop - start) // 2
            parts += [(start, middle, depth + 1), (middle, stop, depth + 1)]
    return chosen


class AksSelector:
    """Relevance with forced coverage of the parts in which no frame stands out."""

    needs_fps = False
    takes_query = True
    options_class = AksOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the frames of the published rule, filled up with the most relevant others."""
        options = AksOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            relevance_t = candidates.needed_relevance_t(options.embedder, "aks")
            found = adaptive_keyframes(
                relevance_t,
                sampling.num_frames,
                peak_threshold=options.peak_threshold,
                spread_threshold=options.spread_threshold,
                max_depth=options.max_depth,
            )
            reasons = {index: f"relevance {relevance_t[index]:.2f} in a part halved {d}x" for index, d in found.items()}
            return candidates.selection(
                filled_up(reasons, relevance_t, sampling.num_frames), {"relevance": relevance_t}
            )

        return select_from_candidates(view, sampling, options, choose)


aks = AksSelector()
