"""The frames most relevant to the query, wherever they are."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidtune.media.selection._candidates import Candidates, FeatureOptions, select_from_candidates

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection


def most_relevant(relevance_t: NDArray[np.float64], num: int) -> list[int]:
    """Return the indices of the ``num`` largest values, largest first; of equals the earlier ones.

    Example:
        >>> most_relevant(np.array([0.1, 0.9, 0.4, 0.9]), 3)
        [1, 3, 2]
    """
    return [int(index) for index in np.argsort(-relevance_t, kind="stable")[:num]]


def filled_up(reasons_by_index: Mapping[int, str], relevance_t: NDArray[np.float64], num: int) -> dict[int, str]:
    """Return the choice of a rule that may give too few, with the most relevant others up to ``num``."""
    filled = dict(reasons_by_index)
    others = (index for index in most_relevant(relevance_t, len(relevance_t)) if index not in filled)
    for index in itertools.islice(others, max(0, num - len(filled))):
        filled[index] = f"relevance {relevance_t[index]:.2f}, fills up the budget"
    return filled


class TopkSelector:
    """The ``num_frames`` candidates of largest relevance."""

    needs_fps = False
    takes_query = True
    options_class = FeatureOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the most relevant frames; refuses when there is no query or it cannot be scored."""
        options = FeatureOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            relevance_t = candidates.needed_relevance_t(options.embedder, "topk")
            chosen = most_relevant(relevance_t, sampling.num_frames)
            reasons = {
                index: f"relevance {relevance_t[index]:.2f}, rank {rank}" for rank, index in enumerate(chosen, 1)
            }
            return candidates.selection(reasons, {"relevance": relevance_t})

        return select_from_candidates(view, sampling, options, choose)


topk = TopkSelector()
