"""What the selectors that look at frames share: their settings, the candidates, and how a choice is told.

Axis letters: ``t`` candidates, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.config import Config
from vidtune.core.errors import BadUsage
from vidtune.media._sampling import Curve, SamplingConfig, Selection
from vidtune.media.embedding import DEFAULT_EMBEDDER
from vidtune.media.selection.uniform import uniform_selection

if TYPE_CHECKING:
    from vidtune.media._clip_view import ClipView


class FirstPassOptions(Config):
    """Settings of a selector that looks at a first pass over the clip."""

    rate_hz: Annotated[float, Field(gt=0, le=240)] | None = None
    """Frames a second that are looked at. None: at least 2, at least 16 for each frame that is chosen, at most 4,096
    in all."""


class FeatureOptions(FirstPassOptions):
    """Settings of a selector that compares what frames are like."""

    embedder: str = DEFAULT_EMBEDDER
    """What tells how alike frames are: `descriptor` (colours and edges, no weights), `vision_tower:MODEL`, or
    `contrastive:MODEL` (CLIP, SigLIP by hub id or folder)."""


@dataclass(frozen=True)
class Candidates:
    """The frames of a first pass that a selector may choose from."""

    view: ClipView
    rate_hz: float
    times_s: NDArray[np.float64]

    @property
    def num(self) -> int:
        """How many there are."""
        return len(self.times_s)

    def features_td(self, embedder: str) -> NDArray[np.float32]:
        """Return the feature vectors of the candidates, each of length 1."""
        features_td = self.view.features(embedder, self.rate_hz)
        lengths = np.linalg.norm(features_td, axis=1, keepdims=True)
        return np.asarray(features_td / np.maximum(lengths, 1e-12), dtype=np.float32)

    def relevance_t(self, embedder: str) -> NDArray[np.float64] | None:
        """Return how relevant each candidate is to the query, from 0 to 1; None when nobody can tell."""
        scores_t = self.view.relevance(embedder, self.rate_hz)
        return None if scores_t is None else stretched(scores_t)

    def needed_relevance_t(self, embedder: str, selector: str) -> NDArray[np.float64]:
        """Return the relevance, or refuse.

        Raises:
            BadUsage: If there is no query, or the embedder cannot score it.
        """
        scores_t = self.relevance_t(embedder)
        if scores_t is not None:
            return scores_t
        if self.view.query is None:
            raise BadUsage(
                f"the selector {selector!r} goes by a query and was given none.",
                "Give a query, or choose a selector that needs none, e.g. hybrid or dpp.",
            )
        raise BadUsage(
            f"the embedder {embedder!r} cannot tell which frames {self.view.query!r:.120} is about.",
            "The descriptor knows names of colours only: set options.embedder to contrastive:<CLIP or SigLIP model>, "
            "or choose a selector that needs no query, e.g. hybrid or dpp.",
        )

    def curve(self, values: NDArray[np.float64]) -> Curve:
        """Return something measured on the candidates as a curve over the clip."""
        return Curve(tuple(self.times_s.tolist()), tuple(np.asarray(values, dtype=np.float64).tolist()))

    def selection(
        self, reasons_by_index: Mapping[int, str], curves: Mapping[str, NDArray[np.float64]] | None = None
    ) -> Selection:
        """Return the candidates of these indices as a selection, in the order of time."""
        indices = sorted(reasons_by_index)
        return Selection(
            tuple(float(self.times_s[index]) for index in indices),
            tuple(reasons_by_index[index] for index in indices),
            {name: self.curve(values) for name, values in (curves or {}).items()},
        )


def select_from_candidates(
    view: ClipView,
    sampling: SamplingConfig,
    options: FirstPassOptions,
    choose: Callable[[Candidates], Selection],
) -> Selection:
    """Return what ``choose`` takes from the first pass; all there is when that is not more than was asked for."""
    rate_hz = options.rate_hz or view.plan_rate_hz(sampling.num_frames)
    candidates = Candidates(view, min(rate_hz, view.info.fps), view.scan(rate_hz).times_s)
    if candidates.num <= sampling.num_frames and rate_hz < view.info.fps:
        # The rate was set too low for so many frames: look at all of them.
        candidates = Candidates(view, view.info.fps, view.scan(view.info.fps).times_s)
    if candidates.num <= sampling.num_frames:
        note = f"only {candidates.num} frames to choose {sampling.num_frames} from"
        return uniform_selection(view.info.duration_s, sampling.num_frames, note)
    return choose(candidates)


def stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values moved and scaled to reach from 0 to 1; all 0 when they are all the same.

    Example:
        >>> stretched(np.array([2.0, 3.0, 4.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    values = np.asarray(values, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if not high - low > 1e-12 * max(1.0, abs(high)):
        return np.zeros_like(values)
    return (values - low) / (high - low)


def at_clock(time_s: float) -> str:
    """Return a time as people read it.

    Example:
        >>> at_clock(83.25), at_clock(3725.0)
        ('1:23.2', '1:02:05.0')
    """
    tenths = int(time_s * 10)
    hours, minutes, seconds, tenth = tenths // 36000, tenths // 600 % 60, tenths // 10 % 60, tenths % 10
    return f"{hours}:{minutes:02}:{seconds:02}.{tenth}" if hours else f"{minutes}:{seconds:02}.{tenth}"


def in_order(indices: Sequence[int], what: str) -> dict[int, str]:
    """Return as the reason of each index its place in the order in which a greedy rule took it."""
    return {int(index): f"{what}, {number} of {len(indices)}" for number, index in enumerate(indices, 1)}
