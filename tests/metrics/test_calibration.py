import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_fscore_support

from vidtune.metrics import calibration, detection_scores, precision_recall_curve


def slow_ece(confidences, right, num_bins=15):
    total = 0.0
    for number in range(num_bins):
        low, high = number / num_bins, (number + 1) / num_bins
        inside = [k for k, c in enumerate(confidences) if (low < c <= high) or (number == 0 and c == 0)]
        if inside:
            gap = abs(np.mean([confidences[k] for k in inside]) - np.mean([right[k] for k in inside]))
            total += len(inside) * gap
    return total / len(confidences)


def test_calibration_error_and_brier_are_those_of_their_definitions():
    rng = np.random.default_rng(0)
    said = rng.random(500)
    right = rng.random(500) < said**2

    found = calibration(list(said), list(right))

    assert found.expected_error == pytest.approx(slow_ece(said, right), abs=1e-12)
    assert found.brier == pytest.approx(brier_score_loss(right, said), abs=1e-12)


def test_risk_falls_when_the_unsure_are_left_out_and_ties_have_no_order():
    sure = calibration([0.9, 0.8, 0.4, 0.3], [True, True, False, False])

    assert sure.risk_at == {0.25: 0.0, 0.5: 0.0, 0.75: pytest.approx(1 / 3), 1.0: 0.5}
    tied = [
        calibration([0.5] * 4, order).area_under_risk
        for order in ([True, True, False, False], [False, False, True, True])
    ]
    assert tied == [0.5, 0.5]


def test_a_log_probability_is_no_confidence():
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration([-0.3], [True])


def test_detection_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    names = ["caving", "leaning", "shallow"]
    truths = [{n for n in names if rng.random() < 0.4} for _ in range(60)]
    said = [{n for n in names if rng.random() < 0.5} for _ in range(60)]
    rows = [[[n in one for n in names] for one in group] for group in (truths, said)]

    expected = precision_recall_fscore_support(*rows)
    found = detection_scores(truths, said)

    assert [one.precision for one in found] == pytest.approx(list(expected[0]))
    assert [one.recall for one in found] == pytest.approx(list(expected[1]))
    assert [one.f1 for one in found] == pytest.approx(list(expected[2]))


def test_the_curve_is_that_of_scikit_learn_and_shares_points_among_ties():
    rng = np.random.default_rng(3)
    said = rng.integers(0, 6, 80) / 5
    truth = rng.random(80) < 0.3

    points, area = precision_recall_curve(list(said), list(truth))

    assert area == pytest.approx(average_precision_score(truth, said), abs=1e-12)
    assert len(points) == len(set(said))
    assert points[-1].recall == 1.0
