import numpy as np
import pytest
from scipy import stats

from vidtune.metrics import (
    benjamini_hochberg,
    cliffs_delta,
    cohens_d,
    detectable_difference,
    holm,
    mcnemar,
    paired_difference,
)


@pytest.mark.parametrize(("first", "second"), [(120, 86), (0, 0), (5, 5), (1, 9), (0, 3)])
def test_mcnemar_is_the_exact_binomial_test(first, second):
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0

    assert mcnemar(first, second) == pytest.approx(expected, abs=1e-9)
    assert mcnemar(first, second, mid_p=True) <= mcnemar(first, second)


def test_holm_by_hand_and_never_below_the_single_test():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_benjamini_hochberg_is_that_of_scipy():
    values = np.random.default_rng(0).random(30) ** 2

    assert benjamini_hochberg(list(values)) == pytest.approx(stats.false_discovery_control(values))


def test_cliffs_delta_over_all_pairs():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 5, 20), rng.integers(1, 6, 30)
    slow = np.mean([np.sign(float(b) - float(a)) for a in first for b in second])

    assert cliffs_delta(list(first), list(second)) == pytest.approx(slow)


def test_effect_and_power_have_no_value_without_spread():
    assert cohens_d([0.1, 0.1]) is None
    assert detectable_difference([0.2]) is None
    assert cohens_d([0.0, 1.0, 2.0]) == 1.0


def test_what_is_called_detectable_is_found_about_as_often_as_said():
    rng = np.random.default_rng(4)
    clusters, spread = 40, 0.2
    true = detectable_difference(list(rng.normal(0, spread, 4000)[:clusters]))
    found = 0
    for seed in range(60):
        differences = rng.normal(true, spread, clusters)
        pairs = [0.0] * clusters, list(differences), list(range(clusters))
        result = paired_difference(*pairs, num_resamples=300, seed=seed)
        found += result.p_value <= 0.05

    assert 0.6 <= found / 60 <= 0.95
