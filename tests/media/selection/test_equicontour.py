"""The published rule, as published: and what is wrong with it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.media.selection.films import unit_rows

from vidtune.media.selection.equicontour import mahalanobis_squares, on_the_contour


def test_the_diagonal_distance_is_that_of_the_formula() -> None:
    features = unit_rows(50, 7)
    mean, variance = features.astype(np.float64).mean(axis=0), features.astype(np.float64).var(axis=0) + 1e-6
    expected = [sum((row[d] - mean[d]) ** 2 / variance[d] for d in range(7)) for row in features.astype(np.float64)]

    assert mahalanobis_squares(features) == pytest.approx(expected)


def test_with_full_rank_it_is_the_mahalanobis_distance() -> None:
    from scipy.spatial.distance import mahalanobis

    features = unit_rows(80, 5).astype(np.float64)
    inverse = np.linalg.inv(np.cov(features.T, bias=True))
    expected = [mahalanobis(row, features.mean(axis=0), inverse) ** 2 for row in features]

    assert mahalanobis_squares(features, rank=5) == pytest.approx(expected, rel=1e-3)


def test_it_takes_what_the_published_loop_takes() -> None:
    rng = np.random.default_rng(4)
    squares, times = rng.random(90), np.sort(rng.random(90)) * 60
    off = [abs(value - float(np.median(squares))) for value in squares]
    pool = sorted(range(90), key=lambda index: off[index])[:15]
    chosen = [pool[0]]
    while len(chosen) < 5:
        left = [index for index in pool if index not in chosen]
        chosen.append(max(left, key=lambda index: min(abs(times[index] - times[other]) for other in chosen)))

    assert on_the_contour(squares, times, 5) == chosen


def test_in_many_dimensions_nearly_all_frames_are_on_the_contour() -> None:
    # Under the normal law the relative spread of the squared distance is sqrt(2 / d): the rule has nothing to go by.
    features = np.random.default_rng(0).normal(size=(3000, 768))

    squares = mahalanobis_squares(features)

    assert squares.std() / squares.mean() == pytest.approx(np.sqrt(2 / 768), rel=0.1)
