"""The published NTLBG rule, as it was published, for ablation: frames at the median Mahalanobis distance.

It takes the frames that are neither typical nor unusual. In many dimensions nearly all frames are at about the same
distance, so the rule says next to nothing there; on clips with short rare events it did worse than choosing at random.
``representative`` is what its name, number-theoretic Linde-Buzo-Gray, stands for in statistics.

Axis letters: ``t`` candidates, ``d`` features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.media.selection._candidates import Candidates, FeatureOptions, select_from_candidates

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection

_CANDIDATES_A_FRAME = 3
_LEAST_VARIANCE = 1e-6


class EquicontourOptions(FeatureOptions):
    """Settings of ``equicontour``."""

    rank: Annotated[int, Field(ge=0, le=256)] = 0
    """0: the published diagonal distance over all features. More: on so many principal components, where a full
    covariance can be had from one clip."""


def mahalanobis_squares(features_td: NDArray[np.floating], rank: int = 0) -> NDArray[np.float64]:
    """Return the squared distance of each row from the mean, in standard deviations.

    The published code learns mean and diagonal deviation from the query; without its weights both are the clip's own.
    """
    centred_td = np.asarray(features_td, dtype=np.float64)
    centred_td = centred_td - centred_td.mean(axis=0)
    if rank:
        _, _, axes = np.linalg.svd(centred_td, full_matrices=False)
        centred_td = centred_td @ axes[: min(rank, len(centred_td) - 1)].T
    variances_d = centred_td.var(axis=0) + _LEAST_VARIANCE
    return np.asarray((centred_td**2 / variances_d).sum(axis=1), dtype=np.float64)


def on_the_contour(squares_t: NDArray[np.float64], times_t: NDArray[np.float64], num: int) -> list[int]:
    """Return ``num`` of the ``3 * num`` candidates nearest to the median distance, far apart in time.

    Begins with the nearest of all; each next one has the largest gap in time to those chosen.

    Args:
        squares_t: Squared distances.
        times_t: When each candidate appears.
        num: How many to choose.
    """
    off_t = np.abs(squares_t - np.median(squares_t))
    pool = np.argsort(off_t, kind="stable")[: _CANDIDATES_A_FRAME * num]
    chosen = [int(pool[0])]
    gaps = np.abs(times_t[pool] - times_t[pool[0]])
    gaps[0] = -1.0
    while len(chosen) < num:
        place = int(np.argmax(gaps))
        chosen.append(int(pool[place]))
        gaps = np.where(gaps < 0, gaps, np.minimum(gaps, np.abs(times_t[pool] - times_t[pool[place]])))
        gaps[place] = -1.0
    return chosen


class EquicontourSelector:
    """The published rule of NTLBG-LLM."""

    needs_fps = False
    takes_query = False
    options_class = EquicontourOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return frames at the median distance from the mean."""
        options = EquicontourOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            squares_t = mahalanobis_squares(view.features(options.embedder, candidates.rate_hz), options.rank)
            median = float(np.median(squares_t))
            chosen = on_the_contour(squares_t, candidates.times_s, sampling.num_frames)
            reasons = {
                index: f"squared distance {squares_t[index]:.3g}, the median is {median:.3g}" for index in chosen
            }
            return candidates.selection(reasons, {"mahalanobis": squares_t})

        return select_from_candidates(view, sampling, options, choose)


equicontour = EquicontourSelector()
