import numpy as np
import pytest
from scipy import stats

from vidtune.metrics import cliffs_delta, cohens_d, mcnemar, paired_t, sign_test, wilcoxon


@pytest.mark.parametrize(("first", "second"), [(120, 86), (0, 0), (5, 5), (1, 9), (0, 3)])
def test_mcnemar_is_the_exact_binomial_test(first, second):
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0

    assert mcnemar(first, second) == pytest.approx(expected, abs=1e-9)
    assert mcnemar(first, second, mid_p=True) <= mcnemar(first, second)


def test_the_middle_p_value_counts_the_observed_table_by_half():
    assert mcnemar(3, 9, mid_p=True) == pytest.approx(mcnemar(3, 9) - stats.binom.pmf(3, 12, 0.5))
    assert mcnemar(5, 5, mid_p=True) == pytest.approx(1 - 0.5 * stats.binom.pmf(5, 10, 0.5))


def test_wilcoxon_ranks_zeros_and_exchanges_signs_where_there_are_ties():
    tied = [0.0, 0.5, 0.5, -0.5, 1.0, 1.0, 2.0, 0.0, 1.5, 1.5]
    signs = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1).T
    ranks = stats.rankdata(np.abs(tied))
    sums = (np.sign(tied) * ranks * signs * (np.array(tied) != 0)).sum(axis=1)
    observed = abs((np.sign(tied) * ranks).sum())

    _, p_value = wilcoxon(tied)

    assert p_value == pytest.approx(np.mean(np.abs(sums) >= observed - 1e-9))


def test_wilcoxon_without_ties_is_scipys_and_no_difference_is_no_finding():
    values = list(np.random.default_rng(2).normal(0.3, 1, 25))

    assert wilcoxon(values)[1] == stats.wilcoxon(values).pvalue
    assert wilcoxon([0.0] * 8) == (0.0, 1.0)


def test_the_sign_test_leaves_out_zeros():
    assert sign_test([1.0, 2.0, 0.5, -0.1, 0.0]) == pytest.approx(stats.binomtest(3, 4).pvalue)


def test_cliffs_delta_over_all_pairs():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 5, 20), rng.integers(1, 6, 30)
    slow = np.mean([np.sign(float(b) - float(a)) for a in first for b in second])

    assert cliffs_delta(list(first), list(second)) == pytest.approx(slow)


def test_an_effect_has_no_value_without_spread():
    assert cohens_d([0.1, 0.1]) is None
    assert cohens_d([0.0, 1.0, 2.0]) == 1.0
    assert paired_t([0.1, 0.1]) is None
