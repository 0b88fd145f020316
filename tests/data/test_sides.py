import pytest

from vidtune.data import Sample, Turn, mirror_sample, swap_sides


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("tricep stretch (right arm) - hold", "tricep stretch (left arm) - hold"),
        ("Left, RIGHT and left", "Right, LEFT and right"),
        ("upper-left", "upper-right"),
        ("lean leftwards, left-handed", "lean rightwards, right-handed"),
        ("left_knee_valgus", "right_knee_valgus"),
        ("turn clockwise", "turn counterclockwise"),
        ("keep upright, bright light, leftover, copyright", "keep upright, bright light, leftover, copyright"),
        ("do it right now, all right, at a right angle", "do it right now, all right, at a right angle"),
    ],
)
def test_sides_change_places_and_nothing_else_does(text, mirrored):
    assert swap_sides(text) == mirrored
    assert swap_sides(mirrored) == text


def test_other_spellings_of_counterclockwise_are_understood():
    assert {swap_sides(word) for word in ("anticlockwise", "anti-clockwise", "counter-clockwise")} == {"clockwise"}


def test_a_mirrored_sample_is_mirrored_in_all_that_is_said_of_it():
    sample = Sample(
        "a",
        "left/a.mp4",
        (Turn("user", "Which arm?"), Turn("assistant", "The left one.")),
        label="tricep stretch (left arm)",
        meta={"errors": [{"name": "left_elbow_low", "frames": [1, 2]}], "short_answer": "left"},
    )

    mirrored = mirror_sample(sample)

    assert mirrored.answer == "The right one."
    assert mirrored.label == "tricep stretch (right arm)"
    assert mirrored.meta == {"errors": [{"name": "right_elbow_low", "frames": [1, 2]}], "short_answer": "right"}
    assert (mirrored.sample_id, mirrored.video) == ("a", "left/a.mp4")
