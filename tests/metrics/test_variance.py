"""Analysis of variance against statsmodels, pingouin and scipy; refusals."""

import numpy as np
import pytest
from scipy import stats
from tests.metrics.test_ranking import made

from vidtune.metrics import check_sphericity, compare_seeds, greenhouse_geisser, repeated_measures_anova


def test_repeated_measures_are_those_of_statsmodels():
    found = repeated_measures_anova(made())

    # statsmodels 0.15.0, AnovaRM
    assert found.statistic == pytest.approx(4.185597, abs=1e-6)
    assert found.p_value == pytest.approx(0.011615, abs=1e-6)
    assert (found.degrees, found.epsilon) == ((3, 39), 1.0)


def test_sphericity_and_its_correction_are_those_of_pingouin():
    # pingouin 0.7.0, rm_anova(correction=True); its p-value has a further term of order 1/k^2.
    assert greenhouse_geisser(made()) == pytest.approx(0.8858909030492518)
    assert "W = 0.803" in check_sphericity(made()).found
    assert check_sphericity(made()).p_value == pytest.approx(0.766613, abs=2e-3)


def test_without_sphericity_the_degrees_of_freedom_are_reduced():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(30, 4)) * np.array([0.1, 0.1, 1.0, 6.0])

    found = repeated_measures_anova(values)

    assert check_sphericity(values).holds is False
    assert found.reason or found.epsilon == pytest.approx(greenhouse_geisser(values))
    assert found.reason or found.degrees[0] < 3


def test_with_two_systems_f_is_the_square_of_the_paired_t():
    values = np.random.default_rng(0).normal(size=(12, 2))

    found = repeated_measures_anova(values)

    expected = stats.ttest_rel(values[:, 0], values[:, 1])
    assert found.statistic == pytest.approx(expected.statistic**2)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_residuals_that_are_not_normal_and_too_few_clusters_are_refused_with_the_reason():
    skewed = np.random.default_rng(1).exponential(size=(30, 3)) ** 3
    few = np.random.default_rng(1).normal(size=(4, 3))

    assert "no normal residuals: Shapiro-Wilk rejects it on 90 values" in repeated_measures_anova(skewed).reason
    assert "no enough clusters: 4 independent units" in repeated_measures_anova(few).reason


def test_seeds_are_compared_from_five_on():
    rng = np.random.default_rng(3)
    groups = {"lora": list(rng.normal(0.7, 0.01, 6)), "full": list(rng.normal(0.72, 0.01, 6))}

    found = compare_seeds(groups)
    refused = compare_seeds({name: values[:4] for name, values in groups.items()})

    assert found.p_value == pytest.approx(stats.ttest_ind(*groups.values()).pvalue)
    assert [premise.name for premise in found.premises] == ["enough seeds", "equal spreads", "normal residuals"]
    assert (refused.p_value, refused.reason) == (None, "refused, no enough seeds: 4 seeds at least; it takes 5.")


def test_unequal_spreads_bring_welch():
    rng = np.random.default_rng(5)
    groups = {"a": list(rng.normal(0.7, 0.005, 12)), "b": list(rng.normal(0.7, 0.03, 12))}

    found = compare_seeds(groups)

    assert found.name == "Welch's ANOVA over seeds"
    assert found.p_value == pytest.approx(stats.ttest_ind(*groups.values(), equal_var=False).pvalue)
