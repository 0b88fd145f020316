"""Friedman and Nemenyi against the worked example of Demšar (2006), scipy and scikit-posthocs."""

import numpy as np
import pytest
from scipy import stats

from vidtune.metrics import find_cliques, friedman_nemenyi

# Ranks of C4.5, with m, with cf, with both on 14 data sets: Demšar (2006), table 6.
DEMSAR = np.array(
    [
        [4, 3, 2, 1],
        [1, 2, 3, 4],
        [4, 1, 2, 3],
        [4, 1, 3, 2],
        [4, 2, 3, 1],
        [1, 2.5, 4, 2.5],
        [3, 2, 4, 1],
        [2.5, 2.5, 4, 1],
        [4, 3, 2, 1],
        [2.5, 2.5, 2.5, 2.5],
        [4, 2.5, 1, 2.5],
        [3, 2, 4, 1],
        [4, 1, 2, 3],
        [3, 1, 4, 2],
    ]
)


def made(num_blocks=14):
    rng = np.random.default_rng(7), np.random.default_rng(8)
    common = rng[1].normal(size=(14, 1)).round(3)
    return (rng[0].normal(size=(14, 4)).round(3) + common + np.array([0, 0.2, 0.5, 1.0]))[:num_blocks]


def test_the_published_average_ranks_and_critical_differences_come_out():
    found = friedman_nemenyi(DEMSAR, higher_is_better=False)

    assert found.average_ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert friedman_nemenyi(DEMSAR, level=0.1, higher_is_better=False).critical_difference == pytest.approx(
        1.12, abs=5e-3
    )


def test_the_published_statistic_is_ours_before_the_correction_for_ties():
    found = friedman_nemenyi(DEMSAR, higher_is_better=False)
    ranks = np.array(found.average_ranks)
    uncorrected = 12 * 14 / (4 * 5) * ((ranks**2).sum() - 4 * 25 / 4)

    assert uncorrected == pytest.approx(9.28, abs=5e-3)
    assert found.friedman_statistic == pytest.approx(stats.friedmanchisquare(*DEMSAR.T).statistic)
    assert found.friedman_statistic > uncorrected
    assert 13 * uncorrected / (14 * 3 - uncorrected) == pytest.approx(3.69, abs=5e-3)
    assert found.iman_davenport_statistic > 3.69


def test_at_the_tenth_the_example_tells_the_tuned_from_the_plain_and_at_the_twentieth_nothing():
    strict = friedman_nemenyi(DEMSAR, higher_is_better=False)
    loose = friedman_nemenyi(DEMSAR, level=0.1, higher_is_better=False)

    assert strict.cliques == ((3, 1, 2, 0),)
    assert loose.nemenyi_p[0][1] < 0.1 < loose.nemenyi_p[2][1]
    assert loose.cliques == ((3, 1, 2), (2, 0))


def test_p_values_of_pairs_are_those_of_scikit_posthocs():
    found = friedman_nemenyi(made())

    # scikit-posthocs 0.17.1, posthoc_nemenyi_friedman
    expected = [
        [1.0, 0.259228, 0.734959, 0.005462],
        [0.259228, 1.0, 0.852065, 0.459525],
        [0.734959, 0.852065, 1.0, 0.105335],
        [0.005462, 0.459525, 0.105335, 1.0],
    ]
    assert np.array(found.nemenyi_p) == pytest.approx(np.array(expected), abs=2e-6)


def test_the_highest_is_first_unless_lower_is_better():
    assert np.argmin(friedman_nemenyi(made()).average_ranks) == 3
    assert np.argmax(friedman_nemenyi(made(), higher_is_better=False).average_ranks) == 3


def test_blocks_that_all_rank_alike_or_all_tie_are_no_error():
    alike = friedman_nemenyi(np.tile([1.0, 2.0, 3.0], (8, 1)))
    tied = friedman_nemenyi(np.ones((8, 3)))

    assert (alike.iman_davenport_statistic, alike.iman_davenport_p) == (None, 0.0)
    assert (tied.friedman_p, tied.iman_davenport_p) == (1.0, 1.0)


def test_means_that_differ_by_rounding_only_are_tied():
    values = np.array([[0.1 + 0.2, 0.3, 0.5]] * 6)

    assert friedman_nemenyi(values).average_ranks == (2.5, 2.5, 1.0)


def test_cliques_overlap_and_leave_out_who_stands_alone():
    assert find_cliques([1.0, 4.0, 2.0, 3.0], 1.5) == ((0, 2), (2, 3), (3, 1))
    assert find_cliques([1.0, 1.1, 1.2], 0.5) == ((0, 1, 2),)
    assert find_cliques([1.0, 3.0], 0.5) == ()


@pytest.mark.parametrize("shape", [(5, 2), (1, 4)])
def test_two_systems_or_one_block_are_refused(shape):
    with pytest.raises(ValueError, match="expected 3 systems and 2 blocks"):
        friedman_nemenyi(np.zeros(shape))
