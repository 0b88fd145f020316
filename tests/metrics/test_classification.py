import pytest

from vidtune.metrics import NOT_IDENTIFIED, classification_report

TRUTHS = ["a", "a", "a", "b", "b", "c"]
PREDICTIONS = ["a", "a", "b", "b", None, "d"]


def test_scores_are_those_worked_out_by_hand():
    report = classification_report(TRUTHS, PREDICTIONS)
    a, b, c, d = report.classes

    assert (a.precision, a.recall, a.f1) == (1.0, pytest.approx(2 / 3), pytest.approx(0.8))
    assert (b.precision, b.recall, b.f1) == (0.5, 0.5, 0.5)
    assert (c.precision, c.recall, c.f1) == (None, 0.0, 0.0)
    assert (d.num_samples, d.recall) == (0, None)
    assert report.accuracy == 0.5
    assert report.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_every_sample_is_in_the_confusion_matrix_once():
    report = classification_report(TRUTHS, PREDICTIONS)

    assert report.labels == ("a", "b", "c", "d", NOT_IDENTIFIED)
    assert sum(map(sum, report.confusion)) == len(TRUTHS)
    assert report.confusion[1] == (0, 1, 0, 0, 1)


def test_a_constant_answer_has_the_balanced_accuracy_of_chance():
    report = classification_report(["a"] * 90 + ["b"] * 10, ["a"] * 100)

    assert report.accuracy == 0.9
    assert report.balanced_accuracy == 0.5


def test_nothing_to_score_is_an_error_not_a_zero():
    with pytest.raises(ValueError, match="at least one"):
        classification_report([], [])
