"""What intervals and tests promise, on thousands of made data sets whose truth is known.

Samples come in clusters that share a part, as clips of one person do. What counts clusters keeps its promise there;
what counts samples does not, and the tests show both.
"""

import numpy as np
import pytest

from vidtune.metrics import (
    clustered_standard_error,
    compare_many,
    detectable_difference,
    exchange_test,
    mcnemar,
    mean_interval,
    paired_difference,
    paired_t,
    sign_flip_test,
    wilcoxon,
    wilson_interval,
)

LEVEL = 0.05
NUM_NAIVE = 600
"""Simulations that show how far naive intervals are off: far, so a few hundred do; and these take longest."""


def draw_scores(rng, num_clusters, is_unequal=False):
    """Normal scores with mean 0: half of their variance belongs to the person."""
    sizes = rng.integers(4, 17, num_clusters) if is_unequal else np.full(num_clusters, 10)
    clusters = np.repeat(np.arange(num_clusters), sizes)
    return rng.normal(size=num_clusters)[clusters] + rng.normal(size=len(clusters)), clusters


def draw_right_or_wrong(rng, num_clusters):
    """Right two times of three; people differ in how often."""
    clusters = np.repeat(np.arange(num_clusters), 10)
    chance = rng.beta(2, 1, num_clusters)[clusters]
    return (rng.random(len(clusters)) < chance).astype(float), clusters


def count_covered(draw, truth, num_simulations, *, num_clusters, is_proportion=False, **settings):
    """Shares of simulations in which the clustered and the naive interval hold the truth."""
    rng = np.random.default_rng(21)
    clustered = naive = 0
    for seed in range(num_simulations):
        values, clusters = draw(rng, num_clusters, **settings)
        for_people = mean_interval(
            list(values), list(clusters), is_proportion=is_proportion, num_resamples=600, seed=seed
        )
        clustered += for_people.low <= truth <= for_people.high
        if seed >= NUM_NAIVE:
            continue
        for_samples = (
            wilson_interval(int(values.sum()), len(values))
            if is_proportion
            else mean_interval(list(values), range(len(values)), num_resamples=200, seed=seed)
        )
        naive += for_samples.low <= truth <= for_samples.high
    return clustered / num_simulations, naive / min(num_simulations, NUM_NAIVE)


def test_under_clustering_a_95_percent_interval_holds_the_truth_and_the_naive_one_does_not():
    clustered, naive = count_covered(draw_scores, 0.0, 600, num_clusters=25)

    assert 0.93 <= clustered <= 0.97
    assert naive < 0.75


def test_the_same_for_right_and_wrong_where_wilson_is_the_naive_one():
    clustered, naive = count_covered(draw_right_or_wrong, 2 / 3, 600, num_clusters=25, is_proportion=True)

    assert 0.93 <= clustered <= 0.97
    assert naive < 0.85


@pytest.mark.slow
@pytest.mark.parametrize("num_clusters", [8, 12, 20, 40])
@pytest.mark.parametrize("is_unequal", [False, True])
def test_coverage_from_eight_people_on(num_clusters, is_unequal):
    clustered, naive = count_covered(draw_scores, 0.0, 3000, num_clusters=num_clusters, is_unequal=is_unequal)

    assert 0.925 <= clustered <= 0.97
    assert naive < 0.75


@pytest.mark.slow
@pytest.mark.parametrize("num_clusters", [8, 12, 20, 40])
def test_coverage_of_right_and_wrong_from_eight_people_on(num_clusters):
    clustered, naive = count_covered(draw_right_or_wrong, 2 / 3, 3000, num_clusters=num_clusters, is_proportion=True)

    assert 0.93 <= clustered <= 0.97
    assert naive < 0.85


def draw_pairs(rng, num_clusters, gain=0.0):
    """Differences of two systems: one is better on some people, the other on others, by ``gain`` on average."""
    return gain + rng.normal(size=(num_clusters, 1)) + rng.normal(size=(num_clusters, 10))


def test_equal_systems_are_called_different_in_one_case_of_twenty_by_clusters_and_in_many_by_samples():
    rng = np.random.default_rng(5)
    found = {"randomisation": 0, "wilcoxon": 0, "t": 0, "naive randomisation": 0, "naive t": 0}
    for seed in range(600):
        differences = draw_pairs(rng, 14)
        means = differences.mean(axis=1)
        found["randomisation"] += sign_flip_test(differences.sum(axis=1))[0] <= LEVEL
        found["wilcoxon"] += wilcoxon(list(means))[1] <= LEVEL
        found["t"] += paired_t(list(means))[1] <= LEVEL
        found["naive randomisation"] += sign_flip_test(differences.ravel(), num_flips=300, seed=seed)[0] <= LEVEL
        found["naive t"] += paired_t(list(differences.ravel()))[1] <= LEVEL
    shares = {name: count / 600 for name, count in found.items()}

    assert all(0.03 <= shares[name] <= 0.07 for name in ("randomisation", "wilcoxon", "t"))
    assert shares["naive randomisation"] > 0.3
    assert shares["naive t"] > 0.3


def test_mcnemar_in_clusters_finds_what_is_not_there():
    rng = np.random.default_rng(6)
    naive = clustered = 0
    for _ in range(500):
        # On each person one system is the better one, at random: each answer differs with a chance of 0.4.
        sign = rng.choice([-1, 1], size=(14, 1))
        differences = sign * (rng.random((14, 10)) < 0.4)
        naive += mcnemar(int((differences < 0).sum()), int((differences > 0).sum())) <= LEVEL
        clustered += sign_flip_test(differences.sum(axis=1).astype(float))[0] <= LEVEL

    assert clustered / 500 <= 0.07
    assert naive / 500 > 0.2


def test_many_equal_systems_are_rarely_told_apart_and_the_correction_keeps_it_so():
    rng = np.random.default_rng(8)
    omnibus = any_pair = any_corrected = friedman = 0
    for seed in range(150):
        skill = rng.normal(size=(9, 1, 4)) + rng.normal(size=(9, 5, 4))
        values = {f"m{place}": list(skill[:, :, place].ravel()) for place in range(4)}
        found = compare_many(values, list(np.repeat(np.arange(9), 5)), num_resamples=20, seed=seed)
        omnibus += found.omnibus_p <= LEVEL
        friedman += found.ranking.iman_davenport_p <= LEVEL
        any_pair += any(pair.p_value <= LEVEL for pair in found.pairs)
        any_corrected += any(pair.p_value_holm <= LEVEL for pair in found.pairs)

    assert omnibus / 150 <= 0.1
    assert friedman / 150 <= 0.1
    assert any_pair / 150 > 0.12
    assert any_corrected / 150 <= 0.09


@pytest.mark.slow
def test_the_size_of_the_omnibus_test_is_its_level():
    rng = np.random.default_rng(9)
    found = sum(
        exchange_test(rng.normal(size=(9, 4)), num_exchanges=1000, seed=seed)[0] <= LEVEL for seed in range(2000)
    )

    assert found / 2000 == pytest.approx(LEVEL, abs=0.015)


def test_the_detectable_difference_of_clusters_is_found_in_80_percent_of_cases():
    rng = np.random.default_rng(10)
    reference = draw_pairs(rng, 20_000)
    clusters = np.repeat(np.arange(20_000), 10)
    error = clustered_standard_error(list(reference.ravel()), clusters) * (20_000 / 14) ** 0.5
    true = detectable_difference(error, 14)

    found = sum(sign_flip_test(draw_pairs(rng, 14, true).sum(axis=1))[0] <= LEVEL for _ in range(500))

    assert found / 500 == pytest.approx(0.8, abs=0.05)


@pytest.mark.slow
def test_the_interval_and_the_test_of_a_difference_say_the_same():
    rng = np.random.default_rng(12)
    agree = 0
    for seed in range(1000):
        differences = draw_pairs(rng, 20, rng.uniform(0, 1))
        clusters = list(np.repeat(np.arange(20), 10))
        found = paired_difference([0.0] * 200, list(differences.ravel()), clusters, num_resamples=1000, seed=seed)
        agree += (found.p_value <= LEVEL) == (found.interval.low > 0 or found.interval.high < 0)

    assert agree / 1000 > 0.95
