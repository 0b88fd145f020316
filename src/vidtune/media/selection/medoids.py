"""The most typical frames: each stands for the frames that are more like it than like another.

Axis letters: ``t`` candidates, ``d`` features, ``k`` medoids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.media.selection._candidates import Candidates, FeatureOptions, select_from_candidates
from vidtune.media.selection.farthest import farthest_points

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection

# Of a very large group only those nearest to its mean are tried as its medoid: all pairs would grow with its square.
_MAX_TRIED = 128


class MedoidsOptions(FeatureOptions):
    """Settings of ``medoids``."""

    max_rounds: Annotated[int, Field(ge=1, le=1000)] = 30
    """Groups and medoids are improved in turns at most so often."""


def k_medoids(features_td: NDArray[np.float32], num: int, max_rounds: int = 30) -> dict[int, int]:
    """Return the medoids' indices, each with how many candidates it stands for.

    From the farthest points, in turns: each candidate joins its nearest medoid, and each group takes the member from
    which the distances to the others add up to the least. Source: Park & Jun, "A simple and fast algorithm for
    k-medoids clustering" (2009), with another start.

    Args:
        features_td: One row a candidate.
        num: How many medoids.
        max_rounds: Stop after so many turns even if something still changes.
    """
    features_td = np.asarray(features_td, dtype=np.float32)
    medoids = sorted(farthest_points(features_td, num))
    groups_t = _nearest(features_td, medoids)
    for _ in range(max_rounds):
        improved = [_medoid_of(features_td, np.flatnonzero(groups_t == group)) for group in range(num)]
        if improved == medoids:
            break
        medoids = improved
        groups_t = _nearest(features_td, medoids)
    return {index: int(np.count_nonzero(groups_t == group)) for group, index in enumerate(medoids)}


def _nearest(features_td: NDArray[np.float32], medoids: list[int]) -> NDArray[np.int64]:
    centres_kd = features_td[medoids]
    scores_tk = features_td @ centres_kd.T - 0.5 * np.einsum("kd,kd->k", centres_kd, centres_kd)
    groups_t = np.argmax(scores_tk, axis=1)
    # Equal frames are in one group at most; their other medoids keep themselves, so no group is ever empty.
    groups_t[medoids] = np.arange(len(medoids))
    return np.asarray(groups_t, dtype=np.int64)


def _medoid_of(features_td: NDArray[np.float32], members: NDArray[np.int64]) -> int:
    group_td = features_td[members]
    squares = np.einsum("td,td->t", group_td, group_td)
    tried = np.arange(len(members))
    if len(members) > _MAX_TRIED:
        to_mean = squares - 2 * group_td @ group_td.mean(axis=0)
        tried = np.sort(np.argpartition(to_mean, _MAX_TRIED)[:_MAX_TRIED])
    distances = squares[tried, None] + squares - 2 * group_td[tried] @ group_td.T
    totals = np.sqrt(np.maximum(distances, 0.0)).sum(axis=1)
    return int(members[tried[int(np.argmin(totals))]])


class MedoidsSelector:
    """``num_frames`` candidates that are each the middle of a group of like ones."""

    needs_fps = False
    takes_query = False
    options_class = MedoidsOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the medoids."""
        options = MedoidsOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            found = k_medoids(candidates.features_td(options.embedder), sampling.num_frames, options.max_rounds)
            reasons = {index: f"typical of {size} of {candidates.num} frames" for index, size in found.items()}
            return candidates.selection(reasons)

        return select_from_candidates(view, sampling, options, choose)


medoids = MedoidsSelector()
