import pytest

from vidtune.metrics import Thresholds


@pytest.mark.parametrize(
    ("score", "colour"),
    [(1.0, "green"), (0.7, "green"), (0.6999, "yellow"), (0.4, "yellow"), (0.39, "red"), (-0.1, "red")],
)
def test_a_score_on_the_threshold_has_the_better_colour(score, colour):
    assert Thresholds(green=0.7, yellow=0.4).colour_of(score) == colour


def test_every_score_has_one_colour():
    assert Thresholds(green=0.5, yellow=0.2).count([0.9, 0.5, 0.3, 0.1, 0.0]) == {"green": 2, "yellow": 1, "red": 2}
