import pytest

from vidtune.data import Sample, Turn
from vidtune.evaluation import quick_metrics


def make_sample(name, answer, label=None, errors=None):
    turns = (Turn("user", "How is the form?"), Turn("assistant", answer))
    return Sample(name, f"{name}.mp4", turns, label=label, meta={} if errors is None else {"errors": errors})


SAMPLES = [
    make_sample("a", "squats - knees are caving inwards", "squats", ["knee_valgus"]),
    make_sample("b", "pushups - a straight line", "pushups", []),
]


def test_right_answers_score_one():
    found = quick_metrics([sample.answer for sample in SAMPLES], SAMPLES)

    assert found == {"exercise_identification": 1.0, "feedback_error": 1.0, "rouge_l": 1.0}


def test_half_right_is_half():
    found = quick_metrics(["squats - knees are caving inwards", "squats - knees are caving inwards"], SAMPLES)

    assert found["exercise_identification"] == found["feedback_error"] == 0.5


def test_a_metric_that_does_not_apply_is_left_out():
    assert list(quick_metrics(["yes"], [make_sample("a", "no")])) == ["rouge_l"]


def test_a_prediction_is_needed_for_every_sample():
    with pytest.raises(ValueError, match="1 for 2"):
        quick_metrics(["x"], SAMPLES)
