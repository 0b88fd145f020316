"""Three or more systems on the same samples."""

import json

import numpy as np
import pytest
from scipy import stats

from vidtune.metrics import compare_many, exchange_test, holm, paired_difference, sign_flip_test


def answers(gains, num_clusters=12, size=6, seed=0):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(num_clusters, 1)) + rng.normal(size=(num_clusters, size))
    values = {
        f"m{place}": list((common + gain + 0.2 * rng.normal(size=(num_clusters, size))).ravel())
        for place, gain in enumerate(gains)
    }
    return values, list(np.repeat(np.arange(num_clusters), size))


def test_who_is_better_is_told_from_who_is_not_and_the_record_is_json():
    values, clusters = answers([0.0, 0.0, 1.0])

    found = compare_many(values, clusters, num_resamples=500)

    record = found.to_record()
    assert json.loads(json.dumps(record)) == record
    assert [system["name"] for system in record["systems"]] == ["m0", "m1", "m2"]
    assert found.omnibus_p < 0.001
    assert found.ranking.friedman_p < 0.001
    assert found.anova.p_value < 0.001
    by_names = {(pair.first, pair.second): pair for pair in found.pairs}
    assert by_names["m0", "m2"].p_value_holm < 0.01
    assert by_names["m0", "m1"].p_value_holm > 0.05
    assert found.systems[2].average_rank == 1.0
    assert found.ranking.cliques == ((0, 1),) or found.ranking.cliques == ((1, 0),)


def test_pairs_are_the_paired_comparisons_corrected_for_their_number():
    values, clusters = answers([0.0, 0.1, 0.15, 0.3])

    found = compare_many(values, clusters, num_resamples=300)

    alone = [
        paired_difference(values[pair.first], values[pair.second], clusters, num_resamples=300) for pair in found.pairs
    ]
    assert [pair.p_value for pair in found.pairs] == [one.p_value for one in alone]
    assert [pair.p_value_holm for pair in found.pairs] == holm([one.p_value for one in alone])
    assert [pair.interval for pair in found.pairs] == [one.interval for one in alone]
    assert all(pair.p_value_bh <= pair.p_value_holm for pair in found.pairs)


def test_too_few_clusters_get_pairs_without_intervals_and_no_ranking():
    found = compare_many(*answers([0.0, 0.5, 1.0], num_clusters=4), num_resamples=300)

    assert found.ranking is None
    assert found.anova is None
    assert found.ranking_reason == "refused, no enough clusters: 4 independent units; a test at 0.05 takes 6."
    assert all(pair.interval.low is None for pair in found.pairs)
    assert all(system.interval.low is None for system in found.systems)


def test_one_cluster_has_no_test_of_anything():
    found = compare_many(*answers([0.0, 0.5, 1.0], num_clusters=1), num_resamples=300)

    assert found.omnibus_p is None
    assert all(pair.p_value is pair.p_value_holm is None for pair in found.pairs)


@pytest.mark.parametrize("values", [{"a": [1.0], "b": [1.0]}, {"a": [1.0], "b": [1.0], "c": [1.0, 2.0]}])
def test_two_systems_or_unequal_lengths_are_refused(values):
    with pytest.raises(ValueError, match="expected 3 systems of 1 values"):
        compare_many(values, ["x"])


def test_with_two_systems_exchanging_names_is_flipping_signs():
    sums = np.random.default_rng(1).normal(0.3, 1.0, size=(10, 2))

    p_value, name = exchange_test(sums)

    assert p_value == pytest.approx(sign_flip_test(sums[:, 1] - sums[:, 0])[0])
    assert name == "exact randomisation of 2 systems over 10 clusters"


def test_random_exchanges_agree_with_the_exact_ones_and_with_friedman_on_ranks():
    rng = np.random.default_rng(3)
    few = rng.normal(size=(5, 3)) + np.array([0.0, 0.4, 0.9])
    ranks = stats.rankdata(rng.normal(size=(40, 3)) + np.array([0.0, 0.1, 0.4]), axis=1)

    exact, _ = exchange_test(few)
    drawn = np.random.default_rng(0).permuted(np.broadcast_to(few, (20_000, 5, 3)), axis=2).sum(axis=1)
    spread = ((drawn - drawn.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    observed = ((few.sum(axis=0) - few.sum() / 3) ** 2).sum()

    assert exact == pytest.approx(np.mean(spread >= observed - 1e-9), abs=0.01)
    assert exchange_test(ranks)[0] == pytest.approx(stats.friedmanchisquare(*ranks.T).pvalue, abs=0.015)
