"""Greedy k-centre: the plain loop's choices, and the bound that makes it worth having."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from tests.media.selection.films import unit_rows

from vidtune.media.selection.farthest import farthest_points


def plain(features_td: NDArray[np.float32], num: int) -> list[int]:
    distances = cdist(features_td.astype(np.float64), features_td.astype(np.float64))
    to_mean = np.linalg.norm(features_td - features_td.mean(axis=0), axis=1)
    chosen = [int(np.argmin(to_mean))]
    while len(chosen) < num:
        nearest = distances[:, chosen].min(axis=1)
        nearest[chosen] = -1
        chosen.append(int(np.argmax(nearest)))
    return chosen


@pytest.mark.parametrize(("num_candidates", "num"), [(1, 1), (30, 30), (400, 50), (1200, 90)])
def test_blocks_change_nothing(num_candidates: int, num: int) -> None:
    features = unit_rows(num_candidates, 24, seed=num)

    assert farthest_points(features, num) == plain(features, num)


def test_no_frame_is_more_than_twice_as_far_as_with_the_best_choice() -> None:
    features = unit_rows(14, 3, seed=5)
    distances = cdist(features, features)
    best = min(distances[:, list(subset)].min(axis=1).max() for subset in combinations(range(14), 4))

    found = farthest_points(features, 4)

    assert distances[:, found].min(axis=1).max() <= 2 * best + 1e-6


def test_equal_frames_are_taken_once_each() -> None:
    features = np.repeat(unit_rows(3, 4), 4, axis=0)

    chosen = farthest_points(features, 12)

    assert sorted(chosen) == list(range(12))
    assert len({index // 4 for index in chosen[:3]}) == 3


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot choose 5 of 4"):
        farthest_points(unit_rows(4, 3), 5)
