"""True representative points: the frames that stand for all others with the least squared error.

The NTLBG of statistics (Fang & Wang, "Number-theoretic methods in statistics", 1994): a low-discrepancy start,
Linde-Buzo-Gray (Lloyd) rounds, on whitened principal components; at the end each point is the frame nearest to it.

Axis letters: ``t`` candidates, ``d`` features, ``r`` principal components, ``k`` points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.media.selection._candidates import Candidates, FeatureOptions, select_from_candidates

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection

_MIN_POINTS = 16
_SHARE = 0.125
_ALIGNED_TO = 8
_SETTLED = 1e-4


class RepresentativeOptions(FeatureOptions):
    """Settings of ``representative``."""

    rank: Annotated[int, Field(ge=1, le=256)] = 16
    """Principal components that are kept; in more, all distances become alike."""

    max_rounds: Annotated[int, Field(ge=1, le=1000)] = 50
    """Lloyd rounds at most."""

    count: Literal["given", "by_length"] = "given"
    """`given`: num_frames. `by_length`: an eighth of the clip's frames, between 16 and half of them, in eights; then
    num_frames is the most."""


def count_by_length(num_frames_in_clip: int) -> int:
    """Return how many frames stand for a clip: seed 003's rule, without its defects on short clips.

    An eighth, at least 16 but no more than half, down to a multiple of 8. The published rule aligns last and so gives
    0 for clips of fewer than 16 frames and less than its own minimum below 32; here alignment never undoes the
    minimum, and there is always one.

    Example:
        >>> [count_by_length(num) for num in (1, 10, 20, 32, 140, 4096)]
        [1, 5, 10, 16, 16, 512]
    """
    most = max(1, num_frames_in_clip // 2)
    count = min(max(_MIN_POINTS, int(num_frames_in_clip * _SHARE)), most)
    aligned = count // _ALIGNED_TO * _ALIGNED_TO
    return aligned if aligned >= min(_MIN_POINTS, most) else count


def representative_points(
    features_td: NDArray[np.floating], num: int, *, rank: int = 16, max_rounds: int = 50, seed: int = 0
) -> dict[int, int]:
    """Return the indices of the representative frames, each with how many candidates it stands for.

    Args:
        features_td: One row a candidate.
        num: How many points.
        rank: Principal components that are kept.
        max_rounds: Lloyd rounds at most.
        seed: Shifts the low-discrepancy start.
    """
    if not 1 <= num <= len(features_td):
        raise ValueError(f"cannot choose {num} of {len(features_td)} candidates.")
    white_tr = whitened(features_td, rank)
    points_kr = _low_discrepancy_start(num, white_tr.shape[1], seed)
    groups_t, points_kr = _lloyd(white_tr, points_kr, max_rounds)
    chosen = _snapped(white_tr, points_kr)
    sizes = np.bincount(groups_t, minlength=num)
    return {index: int(sizes[point]) for point, index in enumerate(chosen)}


def whitened(features_td: NDArray[np.floating], rank: int) -> NDArray[np.float64]:
    """Return the candidates on their principal components, scaled to about unit variance.

    The variances are drawn towards their mean first (oracle approximating shrinkage, Chen et al. 2010, over the kept
    components): dividing by tiny ones would blow up noise.
    """
    centred_td = np.asarray(features_td, dtype=np.float64)
    centred_td = centred_td - centred_td.mean(axis=0)
    _, strengths, axes = np.linalg.svd(centred_td, full_matrices=False)
    num = len(centred_td)
    kept = max(1, min(rank, int(np.count_nonzero(strengths > 1e-6 * max(strengths[0], 1e-12)))))
    variances_r = strengths[:kept] ** 2 / num
    trace, square = float(variances_r.sum()), float((variances_r**2).sum())
    denominator = (num + 1 - 2 / kept) * (square - trace**2 / kept)
    shrinkage = 1.0 if denominator <= 0 else min(1.0, ((1 - 2 / kept) * square + trace**2) / denominator)
    variances_r = (1 - shrinkage) * variances_r + shrinkage * trace / kept
    return np.asarray(centred_td @ axes[:kept].T / np.sqrt(np.maximum(variances_r, 1e-12)), dtype=np.float64)


def _low_discrepancy_start(num: int, rank: int, seed: int) -> NDArray[np.float64]:
    """Return ``num`` points of the standard normal law, from a shifted Kronecker (good-point) set."""
    from scipy.special import ndtri

    # The generalised golden ratio: the root of x ** (rank + 1) = x + 1 gives the least dependent steps.
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (rank + 1))
    steps_r = ratio ** -np.arange(1.0, rank + 1)
    shift_r = np.random.default_rng(seed).random(rank)
    uniform_kr = (shift_r + np.arange(1, num + 1)[:, None] * steps_r) % 1.0
    return np.asarray(ndtri(np.clip(uniform_kr, 1e-6, 1 - 1e-6)), dtype=np.float64)


def _lloyd(
    white_tr: NDArray[np.float64], points_kr: NDArray[np.float64], max_rounds: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    squares_t = np.einsum("tr,tr->t", white_tr, white_tr)
    error = np.inf
    for _ in range(max_rounds):
        groups_t, nearest_t = _assigned(white_tr, squares_t, points_kr)
        points_kr = _means(white_tr, groups_t, nearest_t, points_kr)
        if error - nearest_t.mean() <= _SETTLED * max(float(nearest_t.mean()), 1e-12):
            break
        error = float(nearest_t.mean())
    return _assigned(white_tr, squares_t, points_kr)[0], points_kr


def _assigned(
    white_tr: NDArray[np.float64], squares_t: NDArray[np.float64], points_kr: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    distances_tk = np.einsum("kr,kr->k", points_kr, points_kr) - 2 * white_tr @ points_kr.T
    groups_t = np.argmin(distances_tk, axis=1)
    nearest_t = squares_t + np.take_along_axis(distances_tk, groups_t[:, None], axis=1)[:, 0]
    return groups_t, np.maximum(nearest_t, 0.0)


def _means(
    white_tr: NDArray[np.float64],
    groups_t: NDArray[np.int64],
    nearest_t: NDArray[np.float64],
    points_kr: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the mean of each group; a point that nobody is near to moves to the frame that fits worst."""
    sizes_k = np.bincount(groups_t, minlength=len(points_kr))
    sums_kr = np.stack([np.bincount(groups_t, column, minlength=len(points_kr)) for column in white_tr.T], axis=1)
    means_kr = sums_kr / np.maximum(sizes_k, 1)[:, None]
    worst_first = iter(np.argsort(-nearest_t, kind="stable"))
    for empty in np.flatnonzero(sizes_k == 0):
        means_kr[empty] = white_tr[next(worst_first)]
    return means_kr


def _snapped(white_tr: NDArray[np.float64], points_kr: NDArray[np.float64]) -> list[int]:
    """Return for each point the nearest frame that no point before it has taken."""
    squares_t = np.einsum("tr,tr->t", white_tr, white_tr)
    is_free = np.ones(len(white_tr), dtype=bool)
    chosen = []
    for point in points_kr:
        distances_t = np.where(is_free, squares_t - 2 * white_tr @ point, np.inf)
        chosen.append(int(np.argmin(distances_t)))
        is_free[chosen[-1]] = False
    return chosen


class RepresentativeSelector:
    """Frames nearest to the representative points of the clip's features."""

    needs_fps = False
    takes_query = False
    options_class = RepresentativeOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the representative frames; fewer than ``num_frames`` with ``count='by_length'`` on a short clip."""
        options = RepresentativeOptions(**sampling.options)
        num = sampling.num_frames
        if options.count == "by_length":
            num = min(num, count_by_length(round(view.info.fps * view.info.duration_s)))

        def choose(candidates: Candidates) -> Selection:
            found = representative_points(
                candidates.features_td(options.embedder),
                num,
                rank=options.rank,
                max_rounds=options.max_rounds,
                seed=view.seed,
            )
            reasons = {index: f"represents {size} of {candidates.num} frames" for index, size in found.items()}
            return candidates.selection(reasons)

        return select_from_candidates(view, sampling.model_copy(update={"num_frames": num}), options, choose)


representative = RepresentativeSelector()
