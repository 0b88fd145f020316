"""Maximum volume: checked against determinants of submatrices."""

from __future__ import annotations

import numpy as np
from tests.media.selection.films import unit_rows

from vidtune.media.selection.maxvol import max_volume


def test_no_exchange_of_one_frame_makes_the_volume_much_larger() -> None:
    features = unit_rows(60, 6, seed=2)
    left = np.linalg.svd(features.astype(np.float64), full_matrices=False)[0][:, :6]

    rows = max_volume(features, 6, tolerance=0.02)

    volume = abs(np.linalg.det(left[rows]))
    exchanged = [
        abs(np.linalg.det(left[[new if place == at else row for at, row in enumerate(rows)]]))
        for place in range(6)
        for new in range(60)
        if new not in rows
    ]
    assert max(exchanged) <= volume * 1.02 * (1 + 1e-9)


def test_beyond_the_rank_each_frame_enlarges_the_rectangular_volume_most() -> None:
    features = unit_rows(40, 4, seed=3)
    left = np.linalg.svd(features.astype(np.float64), full_matrices=False)[0]

    rows = max_volume(features, 10)

    assert len(set(rows)) == 10
    for size in range(4, 10):
        volumes = {
            new: np.linalg.slogdet(left[[*rows[:size], new]].T @ left[[*rows[:size], new]])[1]
            for new in range(40)
            if new not in rows[:size]
        }
        assert volumes[rows[size]] >= max(volumes.values()) - 1e-9


def test_the_volume_is_near_that_of_the_best_of_all_subsets() -> None:
    from itertools import combinations

    features = unit_rows(14, 3, seed=4)
    left = np.linalg.svd(features.astype(np.float64), full_matrices=False)[0]
    best = max(abs(np.linalg.det(left[list(subset)])) for subset in combinations(range(14), 3))

    assert abs(np.linalg.det(left[max_volume(features, 3)])) >= best / 1.5


def test_frames_that_are_all_the_same_are_still_delivered() -> None:
    assert len(set(max_volume(np.ones((9, 5)), 6))) == 6
