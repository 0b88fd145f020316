"""The one entry to paired comparisons: what is tested, what is refused, and that it says why."""

import json

import numpy as np
import pytest
from scipy import stats

from vidtune.metrics import compare_paired


def answers(num_clusters, size, gain, seed=0):
    """Two systems over clusters with a common part; B is better by ``gain``."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(num_clusters, 1)) + rng.normal(size=(num_clusters, size))
    moved = gain + 0.3 * rng.normal(size=(num_clusters, 1)) + 0.3 * rng.normal(size=(num_clusters, size))
    clusters = np.repeat(np.arange(num_clusters), size)
    return list(common.ravel()), list((common + moved).ravel()), list(clusters)


def named(found, name):
    return next(test for test in found.secondary if test.name == name)


def test_a_gain_is_found_by_all_tests_whose_premises_hold_and_the_record_is_json():
    found = compare_paired(*answers(20, 10, 0.6), of_interest=0.2, num_resamples=500)

    record = found.to_record()
    assert json.loads(json.dumps(record)) == record
    assert record["primary"]["p_value"] == found.primary.p_value < 0.01
    assert 0 < found.interval.low < found.difference < found.interval.high
    assert named(found, "Wilcoxon signed-rank").p_value < 0.01
    assert named(found, "paired t").p_value < 0.01
    assert named(found, "sign test over clusters").p_value < 0.01
    assert found.power.power_of_interest > 0.5


def test_the_classical_tests_count_clusters_and_equal_scipy_on_their_means():
    first, second, clusters = answers(15, 8, 0.1, seed=1)
    means = (np.array(second) - np.array(first)).reshape(15, 8).mean(axis=1)

    found = compare_paired(first, second, clusters, num_resamples=300)

    assert named(found, "paired t").p_value == pytest.approx(stats.ttest_1samp(means, 0).pvalue)
    assert named(found, "Wilcoxon signed-rank").p_value == pytest.approx(stats.wilcoxon(means).pvalue)
    assert named(found, "paired t").unit == "15 clusters"


def test_mcnemar_is_refused_in_clusters_and_run_where_samples_stand_alone():
    rng = np.random.default_rng(3)
    first, second = [list(rng.integers(0, 2, 60).astype(float)) for _ in range(2)]

    alone = compare_paired(first, second, range(60), is_proportion=True, num_resamples=300)
    grouped = compare_paired(first, second, [n // 5 for n in range(60)], is_proportion=True, num_resamples=300)

    only_a, only_b = alone.num_worse, alone.num_better
    assert named(alone, "exact McNemar").p_value == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)
    refused = named(grouped, "exact McNemar")
    assert refused.p_value is None
    assert refused.reason == ("refused, no independent samples: 60 samples come from 12 groups, up to 5 from one.")
    assert named(grouped, "sign test over clusters").p_value is not None


def test_the_t_test_is_refused_on_differences_that_are_not_normal():
    second = list(np.random.default_rng(0).exponential(size=40) ** 3)

    found = compare_paired([0.0] * 40, second, range(40), num_resamples=300)

    assert "no normal differences" in named(found, "paired t").reason
    assert "no symmetric differences" in named(found, "Wilcoxon signed-rank").reason
    assert found.primary.p_value < 0.001


def test_too_few_clusters_get_no_interval_and_the_reason():
    found = compare_paired(*answers(4, 50, 1.0), num_resamples=300)

    assert (found.interval.low, found.interval.high) == (None, None)
    assert "4 groups are too few; a 95 % interval takes 6" in found.interval.method
    assert found.primary.p_value == 0.125
    assert next(one for one in found.premises if one.name == "enough clusters").holds is False


def test_one_cluster_has_no_test_at_all():
    found = compare_paired([0.0, 1.0, 0.0], [1.0, 1.0, 1.0], ["only"] * 3, is_proportion=True)

    assert found.primary.p_value is None
    assert found.primary.reason == "none: one cluster"
    assert found.power.detectable_difference is None


def test_equal_systems_have_no_power_to_speak_of_and_no_difference():
    found = compare_paired([0.5, 0.6] * 6, [0.5, 0.6] * 6, range(12))

    assert (found.difference, found.primary.p_value, found.cohens_d) == (0.0, 1.0, None)
    assert named(found, "paired t").reason == "refused: the differences do not vary."
    assert found.power.standard_error is None
