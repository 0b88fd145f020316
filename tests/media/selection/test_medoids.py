"""Medoids: each the best of its group, and groups found where they are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.spatial.distance import cdist
from tests.media.selection.films import unit_rows

from vidtune.media.selection.medoids import k_medoids


def test_separate_groups_get_the_medoids_of_the_best_of_all_subsets() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10]])
    points = (np.repeat(centres, [4, 5, 6], axis=0) + rng.normal(0, 0.5, (15, 2))).astype(np.float32)
    distances = cdist(points, points)
    best = min(combinations(range(15), 3), key=lambda subset: distances[:, list(subset)].min(axis=1).sum())

    found = k_medoids(points, 3)

    assert sorted(found) == sorted(best)
    assert sorted(found.values()) == [4, 5, 6]


def test_every_medoid_is_the_best_member_of_its_group_and_all_groups_make_up_the_clip() -> None:
    points = unit_rows(300, 5, seed=1)

    found = k_medoids(points, 12, max_rounds=200)

    medoids = list(found)
    groups = cdist(points, points[medoids]).argmin(axis=1)
    assert sum(found.values()) == 300
    for number, medoid in enumerate(medoids):
        members = np.flatnonzero(groups == number)
        totals = cdist(points[members], points[members]).sum(axis=1)
        assert totals[list(members).index(medoid)] <= totals.min() + 1e-4


def test_equal_frames_do_not_leave_a_group_empty() -> None:
    found = k_medoids(np.ones((8, 3), np.float32), 5)

    assert len(found) == 5
    assert min(found.values()) >= 1


def test_a_large_group_takes_a_medoid_near_the_best() -> None:
    points = np.random.default_rng(2).normal(size=(1000, 4)).astype(np.float32)
    totals = cdist(points, points).sum(axis=1)

    (medoid,) = k_medoids(points, 1)

    assert totals[medoid] <= totals.min() * 1.001
