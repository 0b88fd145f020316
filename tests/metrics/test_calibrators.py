"""Isotonic and Platt are scikit-learn's; risk and coverage are what they say."""

import numpy as np
import pytest
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

from vidtune.metrics import calibration, fit_isotonic, fit_platt, risk_coverage, threshold_for_risk


def draw(count, seed=0):
    rng = np.random.default_rng(seed)
    said = np.round(rng.random(count), 2)
    return said, rng.random(count) < said**3


@pytest.mark.parametrize("count", [12, 60, 400])
def test_isotonic_is_that_of_scikit_learn(count):
    said, right = draw(count)

    found = fit_isotonic(list(said), list(right))

    expected = IsotonicRegression(out_of_bounds="clip").fit(said, right.astype(float))
    at = np.linspace(-0.5, 1.5, 101)
    assert [found(value) for value in at] == pytest.approx(list(expected.predict(at)), abs=1e-12)


@pytest.mark.parametrize(("count", "scale"), [(12, 1.0), (60, 1.0), (400, 1.0), (60, 100.0)])
def test_platt_is_that_of_scikit_learn(count, scale):
    said, right = draw(count, seed=3)

    found = fit_platt(list(said * scale), list(right))

    expected = _SigmoidCalibration().fit(said, right.astype(float))
    at = np.linspace(0, 1, 21)
    assert [found(value * scale) for value in at] == pytest.approx(list(expected.predict(at)), abs=2e-4)


def test_calibration_brings_the_error_down_on_other_answers():
    said, right = draw(600)
    other, other_right = draw(600, seed=1)

    for fit in (fit_isotonic, fit_platt):
        fitted = fit(list(said), list(right))
        before = calibration(list(other), list(other_right)).expected_error
        after = calibration([fitted(value) for value in other], list(other_right)).expected_error
        assert after < 0.5 * before


def test_all_right_or_all_alike_is_no_reason_to_fail():
    assert 0.5 < fit_platt([0.2, 0.4, 0.6], [True, True, True])(0.4) < 1
    assert fit_isotonic([0.5, 0.5], [True, False])(0.9) == 0.5
    assert fit_platt([0.5, 0.5], [True, False])(0.5) == pytest.approx(0.5)


def test_the_threshold_is_that_of_the_widest_coverage_within_the_risk():
    points = risk_coverage([0.9, 0.8, 0.7, 0.6, 0.5], [True, True, False, True, False])

    assert [point.coverage for point in points] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert threshold_for_risk(points, 0.25).threshold == 0.6
    assert threshold_for_risk(points, 0.0).threshold == 0.8
    assert threshold_for_risk(risk_coverage([0.5], [False]), 0.1) is None
    with pytest.raises(ValueError, match="a score for each answer"):
        risk_coverage([0.5], [])
