"""Representative points: known ones of the normal law, and the rule for how many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from tests.media.selection.films import FPS, scenes_film, unit_rows, view_of

from vidtune.media import SamplingConfig, selectors
from vidtune.media.selection.representative import count_by_length, representative_points, whitened


@pytest.mark.parametrize(
    ("num", "expected"),
    [(2, [-0.7979, 0.7979]), (3, [-1.2240, 0.0, 1.2240]), (4, [-1.5104, -0.4528, 0.4528, 1.5104])],
)
def test_they_are_the_principal_points_of_the_normal_law(num: int, expected: list[float]) -> None:
    # Known values: Cox (1957), Flury (1990). The "frames" are 2,000 quantiles of the law along one direction.
    quantiles = norm.ppf((np.arange(2000) + 0.5) / 2000)

    found = representative_points(quantiles[:, None], num, max_rounds=1000)

    assert sorted(quantiles[list(found)]) == pytest.approx(expected, abs=0.06)


def test_they_leave_less_error_than_frames_evenly_spread_or_at_random() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 60, 20)
    features = np.repeat(rng.normal(size=(20, 8)), sizes, axis=0) + 0.2 * rng.normal(size=(sizes.sum(), 8))
    white = whitened(features, 8)

    def error(indices: list[int]) -> float:
        return float(np.min(((white[:, None] - white[indices]) ** 2).sum(axis=2), axis=1).mean())

    found = error(list(representative_points(features, 16, rank=8)))
    even = error([int(index) for index in np.linspace(0, len(features) - 1, 16)])
    chance = np.mean([error(list(rng.choice(len(features), 16, replace=False))) for _ in range(20)])

    assert found < 0.7 * even
    assert found < 0.7 * chance


def test_whitened_components_are_uncorrelated_and_about_equal() -> None:
    features = unit_rows(500, 6) @ np.diag([5, 4, 3, 2, 1, 0.001]) @ unit_rows(6, 6, seed=9)

    white = whitened(features, 5)

    covariance = np.cov(white.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-9
    assert np.diag(covariance)[:3] == pytest.approx(1.0, abs=0.05)
    # The weak ones are lifted less: that is the shrinkage.
    assert (np.diff(np.diag(covariance)) < 0.02).all()
    assert np.diag(covariance).min() > 0.3


def test_the_seed_moves_the_start_and_the_same_seed_gives_the_same_frames() -> None:
    features = unit_rows(200, 10)

    runs = [tuple(representative_points(features, 12, seed=seed)) for seed in (1, 1, 2)]

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@given(num_frames=st.integers(1, 20_000))
def test_the_number_by_length_keeps_its_limits_on_every_clip(num_frames: int) -> None:
    count = count_by_length(num_frames)

    assert 1 <= count <= max(1, num_frames // 2)
    assert count >= min(16, num_frames // 2)
    if num_frames >= 256:
        published = max(16, int(num_frames * 0.125)) // 8 * 8
        assert count == published


def test_by_length_a_short_clip_gets_fewer_frames_than_were_allowed() -> None:
    view = view_of(scenes_film(seconds=16))
    sampling = SamplingConfig(kind="representative", num_frames=32, options={"count": "by_length"})

    selection = selectors.get("representative").select(view, sampling)

    assert len(selection.times_s) == count_by_length(round(16 * FPS)) == 16
