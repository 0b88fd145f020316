"""Frames that differ from each other and matter: greedy MAP of a determinantal point process.

Axis letters: ``t`` candidates, ``d`` features, ``m`` chosen so far.
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

_BLOCK = 32
_FRONT = 384


class DppOptions(FeatureOptions):
    """Settings of ``dpp``."""

    temper: Annotated[float, Field(ge=0, le=20)] = 3.0
    """How much relevance to the query counts beside being different: a frame is weighed by exp(temper * relevance).
    Without a query, or with 0, frames only differ."""

    ridge: Annotated[float, Field(gt=0, le=10)] = 0.01
    """Added to the diagonal of the similarities: how different two frames are that the embedder cannot tell apart."""


def greedy_log_det(
    features_td: NDArray[np.float32],
    num: int,
    *,
    quality_t: NDArray[np.float64] | None = None,
    ridge: float = 0.01,
    segments_t: NDArray[np.int64] | None = None,
) -> list[int]:
    """Return indices chosen one by one, each adding most to the log-determinant of their kernel matrix.

    The kernel is ``q_i * q_j * (<f_i, f_j> + ridge * [i = j])``. Source: Chen, Zhang & Zhou, "Fast greedy MAP
    inference for determinantal point process" (2018): an incremental Cholesky factor, O(t * num * (d + num)), and no
    matrix of all pairs. Here it goes in blocks with the same result: gains only ever shrink, so as long as the best of
    the most promising few is above everyone else's last known gain, the others need no look; what they missed is made
    up for all at once, as matrix products.

    Args:
        features_td: One row a candidate.
        num: How many to choose.
        quality_t: How much each candidate is worth by itself, more than 0; None: all the same.
        ridge: Keeps the matrix regular when more are chosen than there are features.
        segments_t: Of each candidate, the number of the segment it is in. At least one of each segment is chosen: once
            as many choices are left as there are segments without one, only those are open.

    Returns:
        ``num`` indices in the order of choice, none twice.

    Raises:
        ValueError: If there are fewer candidates than ``num``, more segments, or a weight is not positive.
    """
    if not 0 <= num <= len(features_td):
        raise ValueError(f"cannot choose {num} of {len(features_td)} candidates.")
    if not ridge > 0:
        raise ValueError(f"ridge must be more than 0, found {ridge}.")
    state = _Cholesky(features_td, quality_t, ridge, num)
    cover = _Cover(np.zeros(len(features_td), np.int64) if segments_t is None else segments_t, num)
    chosen: list[int] = []
    while len(chosen) < num:
        block = state.choose_block(min(_BLOCK, num - len(chosen)), cover)
        chosen += block
        if len(chosen) < num:
            state.absorb(block)
    return chosen


class _Cover:
    """Which candidates may still be chosen so that every segment gets one. The set only ever shrinks."""

    def __init__(self, segments_t: NDArray[np.int64], num: int) -> None:
        names, self._segments_t = np.unique(segments_t, return_inverse=True)
        self._is_open = np.ones(len(names), dtype=bool)
        self._num_open = len(names)
        self._num_left = num
        if num and len(names) > num:
            raise ValueError(f"cannot take one of each of {len(names)} segments with {num} choices.")

    def may_take(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say of each of ``indices`` whether it may be chosen next."""
        if self._num_left > self._num_open:
            return np.ones(len(indices), dtype=bool)
        return np.asarray(self._is_open[self._segments_t[indices]], dtype=np.bool_)

    def take(self, index: int) -> None:
        """Note that ``index`` was chosen."""
        segment = self._segments_t[index]
        self._num_open -= int(self._is_open[segment])
        self._is_open[segment] = False
        self._num_left -= 1


class _Cholesky:
    """The rows of the Cholesky factor of all candidates against those chosen, and what each would add."""

    def __init__(
        self, features_td: NDArray[np.float32], quality_t: NDArray[np.float64] | None, ridge: float, num_steps: int
    ) -> None:
        features_td = np.asarray(features_td, dtype=np.float32)
        self._ridge_t = np.full(len(features_td), ridge, dtype=np.float32)
        if quality_t is not None:
            weights_t = np.asarray(quality_t, dtype=np.float32)
            if weights_t.shape != (len(features_td),) or not (weights_t > 0).all():
                raise ValueError("quality_t must hold a number above 0 for each candidate.")
            features_td = features_td * weights_t[:, None]
            self._ridge_t = self._ridge_t * weights_t**2
        self._features_td = np.ascontiguousarray(features_td)
        self._rows_tm = np.zeros((len(features_td), num_steps), dtype=np.float32)
        self._num_absorbed = 0
        # What a candidate would multiply the determinant by, given those absorbed; minus infinity once chosen.
        self._gains_t = np.einsum("td,td->t", features_td, features_td) + self._ridge_t
        # Rounding must not make a candidate that adds next to nothing look impossible.
        self._floor_t = self._ridge_t * np.float32(1e-3)

    def choose_block(self, most: int, cover: _Cover) -> list[int]:
        """Return the next choices, at most ``most`` and at least one: exact ones, nobody outside could be better."""
        done = self._num_absorbed
        front, bound = self._promising(cover)
        features, floor = self._features_td[front], self._floor_t[front]
        rows = np.empty((len(front), done + most), dtype=np.float32)
        rows[:, :done] = self._rows_tm[front, :done]
        gains = self._gains_t[front]
        block: list[int] = []
        for step in range(done, done + most):
            allowed = np.where(cover.may_take(front), gains, -np.inf)
            place = _earliest_best(allowed) if step == 0 else int(np.argmax(allowed))
            if block and (allowed[place] <= bound or allowed[place] == -np.inf):
                break
            block.append(int(front[place]))
            cover.take(block[-1])
            column = (features @ features[place] - rows[:, :step] @ rows[place, :step]) / np.sqrt(gains[place])
            rows[:, step] = column
            floor[place] = -np.inf
            gains = np.maximum(gains - column * column, floor)
            gains[place] = -np.inf
        return block

    def absorb(self, block: list[int]) -> None:
        """Take the chosen ``block`` into account for every candidate."""
        done, size = self._num_absorbed, len(block)
        kernel = self._features_td @ self._features_td[block].T
        kernel -= self._rows_tm[:, :done] @ self._rows_tm[block, :done].T
        corner = kernel[block].astype(np.float64)
        corner[np.diag_indices(size)] += self._ridge_t[block]
        factor = np.linalg.cholesky((corner + corner.T) / 2)
        rows = kernel @ np.linalg.inv(factor).T.astype(np.float32)
        self._rows_tm[:, done : done + size] = rows
        self._num_absorbed += size
        self._floor_t[block] = -np.inf
        self._gains_t = np.maximum(self._gains_t - np.einsum("tm,tm->t", rows, rows), self._floor_t)
        self._gains_t[block] = -np.inf

    def _promising(self, cover: _Cover) -> tuple[NDArray[np.int64], float]:
        """Return the open candidates of largest gain, and the largest gain of the others."""
        everyone = np.arange(len(self._gains_t))
        if len(everyone) <= _FRONT:
            return everyone, -np.inf
        gains_t = np.where(cover.may_take(everyone), self._gains_t, -np.inf)
        order = np.argpartition(-gains_t, _FRONT)
        front = order[:_FRONT]
        if not self._num_absorbed:
            front = np.union1d(front, _earliest_best(gains_t))
        # In the order of time, so that of equals the first is taken, as without blocks.
        return np.sort(front), float(gains_t[order[_FRONT]])


def _earliest_best(gains: NDArray[np.float32]) -> int:
    """Return the first of the largest gains: vectors of length 1 are all worth the same until one is chosen.

    Rounding would favour one of them, and not the same one on every machine.
    """
    return int(np.argmax(gains >= gains.max() * np.float32(1 - 1e-5)))


class DppSelector:
    """``num_frames`` candidates of large log-determinant: different from each other, tempered by the query."""

    needs_fps = False
    takes_query = True
    options_class = DppOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the greedy choice; a query draws it to relevant frames as far as the embedder can tell."""
        options = DppOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            relevance_t = candidates.relevance_t(options.embedder)
            chosen = greedy_log_det(
                candidates.features_td(options.embedder),
                sampling.num_frames,
                quality_t=None if relevance_t is None else np.exp(options.temper * relevance_t / 2),
                ridge=options.ridge,
            )
            what = "differs most from those before" + (" and fits the query" if relevance_t is not None else "")
            return candidates.selection(
                in_order(chosen, what), {} if relevance_t is None else {"relevance": relevance_t}
            )

        return select_from_candidates(view, sampling, options, choose)


dpp = DppSelector()
