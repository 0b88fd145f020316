import numpy as np
import pytest
import scipy.stats

from vidtune.metrics import (
    bca_interval,
    effective_clusters,
    mean_interval,
    min_clusters,
    paired_difference,
    percentile_interval,
    sign_flip_test,
    smallest_p_value,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        (29, 50, 0.442, 0.706),
        (22, 50, 0.312, 0.577),
        (634, 1000, 0.604, 0.663),
        (0, 10, 0.0, 0.278),
        (10, 10, 0.722, 1.0),
    ],
)
def test_wilson_gives_the_published_values(correct, total, low, high):
    interval = wilson_interval(correct, total)

    assert interval.low == pytest.approx(low, abs=6e-4)
    assert interval.high == pytest.approx(high, abs=6e-4)


@pytest.mark.parametrize(("correct", "total"), [(3, 7), (0, 5), (41, 60)])
def test_wilson_equals_scipy(correct, total):
    expected = scipy.stats.binomtest(correct, total).proportion_ci(method="wilson")
    interval = wilson_interval(correct, total)

    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_bca_of_single_samples_equals_scipy():
    values = np.random.default_rng(3).gamma(2.0, size=60)
    expected = scipy.stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval

    low, high = bca_interval(values, np.ones(60), num_resamples=20_000, widen_for_few=False)

    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.015)


def test_bca_over_equal_clusters_equals_scipy_over_cluster_means():
    means = np.random.default_rng(5).normal(size=25)
    expected = scipy.stats.bootstrap(
        (means,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval

    low, high = bca_interval(means * 4, np.full(25, 4.0), num_resamples=20_000, widen_for_few=False)

    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.02)


def simulate_coverage(num_clusters, num_simulations, interval_of):
    """Share of intervals that hold the true mean 0 of values with a strong common part per cluster."""
    rng = np.random.default_rng(11)
    clusters = list(np.repeat(np.arange(num_clusters), 10))
    hits = 0
    for _ in range(num_simulations):
        values = (rng.normal(size=(num_clusters, 1)) + rng.normal(size=(num_clusters, 10))).ravel()
        low, high = interval_of(values, clusters)
        hits += low <= 0 <= high
    return hits / num_simulations


@pytest.mark.parametrize("num_clusters", [8, 20])
def test_the_clustered_interval_holds_the_truth_as_often_as_it_says(num_clusters):
    def clustered(values, clusters):
        interval = mean_interval(list(values), clusters, num_resamples=1000)
        return interval.low, interval.high

    assert 0.91 <= simulate_coverage(num_clusters, 400, clustered) <= 0.985


def test_the_naive_interval_fails_on_the_same_data():
    def naive(values, _):
        half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
        return values.mean() - half, values.mean() + half

    assert simulate_coverage(20, 400, naive) < 0.7


def test_one_cluster_has_no_interval_and_says_why():
    interval = mean_interval([0.0, 1.0, 1.0], ["only"] * 3)

    assert (interval.low, interval.high) == (None, None)
    assert "all 3 samples come from one group" in interval.method


@pytest.mark.parametrize(("confidence", "needed"), [(0.9, 5), (0.95, 6), (0.99, 8)])
def test_fewer_clusters_than_any_test_needs_have_no_interval(confidence, needed):
    values, clusters = list(np.random.default_rng(0).normal(size=40)), np.arange(40)

    enough = mean_interval(values, list(clusters % needed), confidence=confidence, num_resamples=300)
    too_few = mean_interval(values, list(clusters % (needed - 1)), confidence=confidence, num_resamples=300)

    assert min_clusters(confidence) == needed
    assert smallest_p_value(needed) <= 1 - confidence < smallest_p_value(needed - 1)
    assert enough.low is not None
    assert too_few.low is None
    assert f"{needed - 1} groups are too few; a {100 * confidence:g} % interval takes {needed}" in too_few.method


def test_one_person_with_most_of_the_samples_is_not_many():
    clusters = ["often"] * 100 + [name for name in "abcdefghijk" for _ in range(5)]
    values = list(np.random.default_rng(0).normal(size=155))

    interval = mean_interval(values, clusters, num_resamples=300)

    assert (interval.low, interval.high) == (None, None)
    assert "65% of the 155 samples come from one of 12 groups" in interval.method
    assert effective_clusters(np.array([100.0] + [5.0] * 11)) == pytest.approx(2.338, abs=1e-3)


def test_uneven_clusters_get_a_wider_interval():
    values = np.random.default_rng(4).normal(size=12)
    even, uneven = np.full(12, 10.0), np.array([25.0] + [5.0] * 11)
    drawn = np.random.default_rng(0).normal(size=5000)

    narrow, wide = (
        percentile_interval(drawn, list(np.repeat(np.arange(12), counts.astype(int)))) for counts in (even, uneven)
    )

    assert wide.high - wide.low > 1.05 * (narrow.high - narrow.low)
    assert bca_interval(values * even, even)[0] < values.mean() < bca_interval(values * even, even)[1]


def test_a_percentile_interval_is_refused_where_a_mean_would_be_and_where_draws_agree():
    drawn = np.random.default_rng(0).normal(size=500)

    assert percentile_interval(drawn, list("abc") * 9).method == mean_interval([1.0] * 27, list("abc") * 9).method
    assert percentile_interval(np.ones(500), list("abcdefghi") * 9).low is None
    assert percentile_interval(np.full(500, np.nan), list("abcdefghi") * 9).low is None


def test_a_proportion_of_independent_samples_gets_wilson():
    interval = mean_interval([1.0, 0.0, 1.0, 1.0], list("abcd"), is_proportion=True)

    assert interval == wilson_interval(3, 4)


def test_a_perfect_score_of_a_few_people_is_not_certainty():
    interval = mean_interval([1.0] * 60, [index % 6 for index in range(60)], is_proportion=True)

    assert interval.high == 1.0
    assert interval.low == pytest.approx(wilson_interval(6, 6).low)


def test_the_same_seed_gives_the_same_interval():
    values, clusters = [0.1, 0.9, 0.4, 0.7, 0.2, 0.6], list("aabbcc")

    assert mean_interval(values, clusters, seed=4) == mean_interval(values, clusters, seed=4)


def test_the_exact_sign_flip_test_counts_all_flips():
    p_value, name = sign_flip_test(np.array([1.0, 2.0, 3.0, 4.0]))

    assert p_value == 2 / 16
    assert "exact" in name
    assert p_value == smallest_p_value(4)


def test_the_sign_flip_test_equals_scipys_permutation_test():
    differences = np.array([0.5, -0.2, 0.9, 0.1, 0.3, -0.4, 0.8])
    expected = scipy.stats.permutation_test(
        (differences, np.zeros(7)), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )

    p_value, _ = sign_flip_test(differences)

    assert p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_many_clusters_are_flipped_at_random_and_agree_with_the_exact_test():
    differences = np.random.default_rng(2).normal(0.35, 1.0, size=30)
    expected = scipy.stats.permutation_test(
        (differences, np.zeros(30)), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=20_000, rng=1
    )

    p_value, name = sign_flip_test(differences)

    assert "random flips" in name
    assert p_value == pytest.approx(expected.pvalue, abs=0.015)


def test_no_difference_is_not_significant():
    found = paired_difference([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], list("abc"))

    assert found.difference == 0.0
    assert found.p_value == 1.0


def test_a_paired_difference_uses_the_pairing():
    rng = np.random.default_rng(0)
    hard = rng.normal(size=40)
    better = hard + 0.1 + 0.02 * rng.normal(size=40)

    found = paired_difference(list(hard), list(better), list(range(40)))

    assert found.difference == pytest.approx(0.1, abs=0.02)
    assert found.interval.low > 0.08
    assert found.p_value < 0.001


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([1.0], ["a", "b"])])
def test_lengths_that_do_not_match_are_refused(values, clusters):
    with pytest.raises(ValueError, match="cluster for each"):
        mean_interval(values, clusters)
