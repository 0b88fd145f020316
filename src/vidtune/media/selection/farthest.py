"""Frames that leave no other frame far away in what it shows: greedy k-centre.

Axis letters: ``t`` candidates, ``d`` features, ``m`` centres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidtune.media.selection._candidates import Candidates, FeatureOptions, in_order, select_from_candidates

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection

_BLOCK = 32
_FRONT = 384


def farthest_points(features_td: NDArray[np.float32], num: int) -> list[int]:
    """Return indices chosen one by one, each the farthest from those before; the first is the nearest to the mean.

    At most twice as far from the last frame as the best choice could be. Source: Gonzalez, "Clustering to minimize
    the maximum intercluster distance" (1985). Distances only ever shrink, so a block of choices is made among the
    few farthest and the rest catch up with one matrix product; the result is that of the plain loop.

    Args:
        features_td: One row a candidate.
        num: How many to choose, at most as many as there are rows.
    """
    if not 1 <= num <= len(features_td):
        raise ValueError(f"cannot choose {num} of {len(features_td)} candidates.")
    features_td = np.ascontiguousarray(features_td, dtype=np.float32)
    squares_t = np.einsum("td,td->t", features_td, features_td)
    to_mean_t = squares_t - 2 * features_td @ features_td.mean(axis=0)
    chosen = [int(np.argmin(to_mean_t))]
    nearest_t = np.full(len(features_td), np.inf, dtype=np.float32)
    block = list(chosen)
    while True:
        distances_tm = squares_t[:, None] + squares_t[block] - 2 * (features_td @ features_td[block].T)
        np.minimum(nearest_t, distances_tm.min(axis=1), out=nearest_t)
        np.maximum(nearest_t, 0.0, out=nearest_t)
        nearest_t[chosen] = -1.0
        if len(chosen) == num:
            return chosen
        block = _farthest_block(features_td, squares_t, nearest_t, min(_BLOCK, num - len(chosen)))
        chosen += block


def _farthest_block(
    features_td: NDArray[np.float32], squares_t: NDArray[np.float32], nearest_t: NDArray[np.float32], most: int
) -> list[int]:
    front, bound = np.arange(len(nearest_t)), -2.0
    if len(nearest_t) > _FRONT:
        order = np.argpartition(-nearest_t, _FRONT)
        front, bound = np.sort(order[:_FRONT]), float(nearest_t[order[_FRONT]])
    features, squares, nearest = features_td[front], squares_t[front], nearest_t[front].copy()
    block: list[int] = []
    for _ in range(most):
        place = int(np.argmax(nearest))
        if block and nearest[place] <= bound:
            break
        block.append(int(front[place]))
        distances = np.maximum(squares + squares[place] - 2 * (features @ features[place]), 0.0)
        nearest = np.where(nearest < 0, nearest, np.minimum(nearest, distances))
        nearest[place] = -1.0
    return block


class FarthestSelector:
    """``num_frames`` candidates such that no other one looks very different from all of them."""

    needs_fps = False
    takes_query = False
    options_class = FeatureOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the greedy k-centre choice."""
        options = FeatureOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            chosen = farthest_points(candidates.features_td(options.embedder), sampling.num_frames)
            return candidates.selection(in_order(chosen, "farthest from those before"))

        return select_from_candidates(view, sampling, options, choose)


farthest = FarthestSelector()
