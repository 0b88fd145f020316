"""Frames whose vectors span the most: a submatrix of large volume.

Axis letters: ``t`` candidates, ``d`` features, ``r`` leading directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.media.selection._candidates import Candidates, FeatureOptions, in_order, select_from_candidates

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection

_MAX_SWAPS = 1000
_RANK_TOLERANCE = 1e-4


class MaxvolOptions(FeatureOptions):
    """Settings of ``maxvol``."""

    tolerance: Annotated[float, Field(ge=0.001, le=10)] = 0.05
    """Frames are exchanged as long as that makes the volume larger by more than this share."""


def max_volume(features_td: NDArray[np.floating], num: int, *, tolerance: float = 0.05) -> list[int]:
    """Return the indices of ``num`` rows whose vectors enclose a locally largest volume.

    On the leading directions of the features, as many as frames are wanted and the rank allows, the first rows come
    from a QR factorization with column pivoting and are exchanged until no exchange makes the volume
    ``1 + tolerance`` times as large (Goreinov et al., "How to find a good submatrix", 2010). Where more are wanted
    than the features have directions, the rest is added one by one, each enlarging the rectangular volume most
    (Mikhalev & Oseledets, "Rectangular maximum-volume submatrices", 2018; on frames: MaxInfo, 2025).

    Args:
        features_td: One row a candidate.
        num: How many to choose.
        tolerance: See above.
    """
    from scipy.linalg import qr

    if not 1 <= num <= len(features_td):
        raise ValueError(f"cannot choose {num} of {len(features_td)} candidates.")
    left_tr = _leading_directions(features_td, num)
    _, _, pivots = qr(left_tr.T, mode="economic", pivoting=True)
    rows = [int(index) for index in pivots[: left_tr.shape[1]]]
    coefficients_tr: NDArray[np.float64] = np.linalg.solve(left_tr[rows].T, left_tr.T).T.astype(np.float64)
    for _ in range(_MAX_SWAPS):
        best = int(np.argmax(np.abs(coefficients_tr)))
        new, place = divmod(best, coefficients_tr.shape[1])
        pivot = coefficients_tr[new, place]
        if abs(pivot) <= 1 + tolerance:
            break
        # The rank-one change of the coefficients when row `new` takes the place of rows[place].
        row = coefficients_tr[new].copy()
        row[place] -= 1.0
        coefficients_tr -= np.outer(coefficients_tr[:, place], row / pivot)
        rows[place] = new
    return rows + _extended(coefficients_tr, rows, num - len(rows))


def _leading_directions(features_td: NDArray[np.floating], num: int) -> NDArray[np.float64]:
    left, strengths, _ = np.linalg.svd(np.asarray(features_td, dtype=np.float64), full_matrices=False)
    rank = max(1, int(np.count_nonzero(strengths > _RANK_TOLERANCE * strengths[0])))
    return np.asarray(left[:, : min(num, rank)], dtype=np.float64)


def _extended(coefficients_tr: NDArray[np.float64], rows: list[int], num_more: int) -> list[int]:
    """Return more rows, each of the longest coefficients given those before."""
    coefficients_tr = coefficients_tr.copy()
    lengths_t = np.einsum("tr,tr->t", coefficients_tr, coefficients_tr)
    lengths_t[rows] = -1.0
    added: list[int] = []
    for _ in range(num_more):
        new = int(np.argmax(lengths_t))
        added.append(new)
        row = coefficients_tr[new].copy()
        along_t = coefficients_tr @ row
        scale = 1.0 / (1.0 + row @ row)
        # Sherman-Morrison, on the inverse of the Gram matrix of those chosen.
        lengths_t = np.where(lengths_t < 0, -1.0, lengths_t - scale * along_t**2)
        coefficients_tr -= np.outer(along_t, row) * _root_change(scale, float(row @ row))
        lengths_t[new] = -1.0
    return added


def _root_change(scale: float, square: float) -> float:
    """Return what makes ``1 - c * row row'`` the root of ``1 - scale * row row'``."""
    return (1.0 - np.sqrt(max(0.0, 1.0 - scale * square))) / square if square > 0 else 0.0


class MaxvolSelector:
    """``num_frames`` candidates of locally largest volume."""

    needs_fps = False
    takes_query = False
    options_class = MaxvolOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the rows of largest volume."""
        options = MaxvolOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            features_td = candidates.features_td(options.embedder)
            chosen = max_volume(features_td, sampling.num_frames, tolerance=options.tolerance)
            return candidates.selection(in_order(chosen, "spans what the clip shows"))

        return select_from_candidates(view, sampling, options, choose)


maxvol = MaxvolSelector()
