"""Recall at K, ranks and mean average precision of a table of similarities. Ties are no luck of the order.

Axis letters: ``q`` queries, ``g`` gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RECALLS = (1, 5, 10, 50)
Ties = Literal["average", "pessimistic"]


@dataclass(frozen=True)
class RetrievalReport:
    """How well queries find what belongs to them."""

    recall_at: dict[int, float]
    median_rank: float
    mean_rank: float
    mean_average_precision: float
    num_queries: int


def best_ranks(
    similarity_qg: NDArray[np.float64], positives: Sequence[Sequence[int]], ties: Ties = "average"
) -> NDArray[np.float64]:
    """Return for each query the rank, from 1, of the best of what belongs to it.

    A gallery item that is exactly as similar as the right one is no better and no worse: the rank is the mean of all
    orders of the tied (``average``) or the worst (``pessimistic``). CLIP4Clip's published code takes every tied place
    as a result of its own, and a constant table then looks better than chance.

    Args:
        similarity_qg: Larger is more alike.
        positives: Of each query, the gallery items that belong to it.
        ties: What a tie counts.

    Raises:
        ValueError: If a value is not finite, or a query has no positive.
    """
    _check(similarity_qg, positives)
    ranks = []
    for row, own in zip(similarity_qg, positives, strict=True):
        is_own = np.zeros(len(row), dtype=bool)
        is_own[list(own)] = True
        best = row[is_own].max()
        num_before = np.count_nonzero(row[~is_own] > best)
        num_tied = np.count_nonzero(row[~is_own] == best)
        # Of several right ones that are tied, the first one counts; the mean place of it is a share of the tied.
        num_best = np.count_nonzero(row[is_own] == best)
        ranks.append(1 + num_before + (num_tied / (num_best + 1) if ties == "average" else num_tied))
    return np.array(ranks, dtype=np.float64)


def average_precisions(similarity_qg: NDArray[np.float64], positives: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Return for each query the mean, over what belongs to it, of the precision at its place; ties count as worst.

    With one positive a query it is one over the pessimistic rank.
    """
    _check(similarity_qg, positives)
    values = []
    for row, own in zip(similarity_qg, positives, strict=True):
        is_own = np.zeros(len(row), dtype=bool)
        is_own[list(own)] = True
        right = np.sort(row[is_own])[::-1]
        places = [np.count_nonzero(row[~is_own] >= value) + number for number, value in enumerate(right, start=1)]
        values.append(float(np.mean([number / place for number, place in enumerate(places, start=1)])))
    return np.array(values, dtype=np.float64)


def retrieval_report(similarity_qg: NDArray[np.float64], positives: Sequence[Sequence[int]]) -> RetrievalReport:
    """Return recall at 1, 5, 10 and 50, median and mean rank, and mAP.

    Source: the protocol of Yu et al., "A Joint Sequence Fusion Model for Video Question Answering and Retrieval"
    (2018) and CLIP4Clip, with ties as in ``best_ranks``. Turn the table for the other direction; a video with several
    captions counts by its best-ranked one.
    """
    ranks_q = best_ranks(similarity_qg, positives)
    return RetrievalReport(
        {k: float(np.mean(ranks_q <= k)) for k in RECALLS},
        float(np.median(ranks_q)),
        float(np.mean(ranks_q)),
        float(np.mean(average_precisions(similarity_qg, positives))),
        len(ranks_q),
    )


def dual_softmax(similarity_qg: NDArray[np.float64], temperature: float = 100.0) -> NDArray[np.float64]:
    """Return similarities weighted by how much each gallery item prefers the query.

    Looks at all test queries at once: a score made with it must say so. Source: Cheng et al., "Improving Video-Text
    Retrieval by Multi-Stream Corpus Alignment and Dual Softmax Loss" (2021).
    """
    scaled = similarity_qg * temperature
    weights = np.exp(scaled - scaled.max(axis=0, keepdims=True))
    weighted: NDArray[np.float64] = similarity_qg * weights / weights.sum(axis=0, keepdims=True)
    return weighted


def _check(similarity_qg: NDArray[np.float64], positives: Sequence[Sequence[int]]) -> None:
    if similarity_qg.ndim != 2 or len(similarity_qg) != len(positives):
        raise ValueError(f"expected a row for each of {len(positives)} queries, found shape {similarity_qg.shape}.")
    if not np.isfinite(similarity_qg).all():
        raise ValueError("similarities must be finite: a NaN has no rank.")
    if any(not own for own in positives):
        raise ValueError("every query needs at least one item that belongs to it.")
