"""Power and smallest differences against statsmodels, a formula for shares, and simulation."""

import numpy as np
import pytest

from vidtune.metrics import (
    clustered_standard_error,
    clusters_needed,
    design_effect,
    detectable_difference,
    paired_difference,
    paired_t,
    power_to_find,
)


def test_power_is_that_of_statsmodels():
    # statsmodels 0.15.0, TTestPower: power(0.5, 34, 0.05), solve_power(nobs=20), solve_power(0.5): 33.37
    assert power_to_find(0.5, 1 / 34**0.5, 34) == pytest.approx(0.8077775, abs=1e-7)
    assert detectable_difference(1 / 20**0.5, 20) == pytest.approx(0.6604417, abs=1e-7)
    assert clusters_needed(0.5, 1 / 20**0.5, 20) == 34


def test_a_thousand_questions_of_which_a_fifth_differ_show_four_points():
    differences = [1.0] * 100 + [-1.0] * 100 + [0.0] * 800

    found = detectable_difference(clustered_standard_error(differences, range(1000)), 1000)

    # (z(0.975) + z(0.8)) * sqrt(share of discordant / n)
    assert found == pytest.approx(2.8016 * (0.2 / 1000) ** 0.5, rel=5e-3)


def test_the_clustered_error_is_the_ordinary_one_where_samples_stand_alone():
    values = list(np.random.default_rng(0).normal(size=50))

    assert clustered_standard_error(values, range(50)) == pytest.approx(np.std(values, ddof=1) / 50**0.5)
    assert design_effect(values, range(50)) == pytest.approx(1.0)


def test_of_answers_that_agree_within_a_cluster_only_the_clusters_count():
    values = [float(n // 10 % 2) for n in range(200)]
    clusters = [n // 10 for n in range(200)]

    assert clustered_standard_error(values, clusters) == pytest.approx(np.std(values[::10], ddof=1) / 20**0.5)
    assert design_effect(values, clusters) == pytest.approx(10, rel=0.06)


def test_no_spread_and_no_second_cluster_have_no_smallest_difference():
    assert clustered_standard_error([0.1, 0.4], ["a", "a"]) is None
    assert detectable_difference(0.0, 20) is None
    assert detectable_difference(0.1, 1) is None
    with pytest.raises(ValueError, match="expected a spread and 2 clusters"):
        power_to_find(0.1, 0.0, 20)


def test_a_large_difference_is_always_found_and_a_tiny_one_takes_more_than_there_are():
    assert power_to_find(100.0, 0.1, 20) == 1.0
    assert power_to_find(0.0, 0.1, 20) == pytest.approx(0.05)
    assert clusters_needed(1e-9, 0.1, 20) is None


def test_what_is_called_detectable_is_found_as_often_as_said():
    rng = np.random.default_rng(4)
    num_clusters, spread = 30, 0.2
    true = detectable_difference(spread / num_clusters**0.5, num_clusters)
    by_t, by_exchange = 0, 0
    for seed in range(400):
        differences = list(rng.normal(true, spread, num_clusters))
        by_t += paired_t(differences)[1] <= 0.05
        if seed < 100:
            pairs = [0.0] * num_clusters, differences, list(range(num_clusters))
            by_exchange += paired_difference(*pairs, num_resamples=200, seed=seed).p_value <= 0.05

    assert by_t / 400 == pytest.approx(0.8, abs=0.06)
    assert by_exchange / 100 == pytest.approx(0.8, abs=0.12)
