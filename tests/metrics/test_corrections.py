"""Holm and Benjamini-Hochberg against published worked examples."""

import numpy as np
import pytest
from scipy import stats

from vidtune.metrics import benjamini_hochberg, holm

# Benjamini and Hochberg (1995), section 3.1: thrombolysis after myocardial infarction.
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
PUBLISHED += [0.4262, 0.5719, 0.6528, 0.7590, 1.0000]


def test_of_the_published_fifteen_four_are_found_and_three_where_no_error_is_allowed():
    assert sum(value <= 0.05 for value in benjamini_hochberg(PUBLISHED)) == 4
    assert sum(value <= 0.05 for value in holm(PUBLISHED)) == 3
    assert benjamini_hochberg(PUBLISHED)[3] == pytest.approx(0.0095 * 15 / 4)


def test_values_of_p_adjust():
    # R 4, p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") and "BH"
    values = [0.01, 0.02, 0.03, 0.04, 0.05]

    assert holm(values) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert benjamini_hochberg(values) == pytest.approx([0.05] * 5)


def test_the_order_given_is_kept_and_no_value_goes_above_one():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == benjamini_hochberg([]) == []


def test_benjamini_hochberg_is_that_of_scipy():
    values = np.random.default_rng(0).random(30) ** 2

    assert benjamini_hochberg(list(values)) == pytest.approx(stats.false_discovery_control(values))
