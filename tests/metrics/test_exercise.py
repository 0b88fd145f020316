import pytest

from vidtune.metrics import (
    ExerciseCatalogue,
    compat_exercise,
    derive_catalogue,
    is_compat_match,
    normalise_name,
    split_answer,
    variant_of,
)
from vidtune.metrics.exercise import edit_distance

QVED = ExerciseCatalogue(
    (
        "alternating single leg glutes bridge",
        "cat-cow pose",
        "elbow plank",
        "glutes bridge",
        "high plank",
        "pushups",
        "side plank",
        "squats",
        "tricep stretch",
    ),
    {"press-ups": "pushups"},
)


@pytest.mark.parametrize(
    ("text", "exercise"),
    [
        ("squats - knees cave in", "squats"),
        ("Squat - knees cave in", "squats"),
        ("cat-cow pose - arch further", "cat-cow pose"),
        ("Cat_Cow_Pose - arch further", "cat-cow pose"),
        ("tricep stretch (right arm) - User is holding the stretch", "tricep stretch"),
        ("push-ups – lower your chest", "pushups"),
        ("push up: lower your chest", "pushups"),
        ("Press-ups - lower your chest", "pushups"),
        ("glute bridge - lift higher", "glutes bridge"),
        ("alternating single leg glutes bridge - lift higher", "alternating single leg glutes bridge"),
        ("The user is doing squats with knees caving in", "squats"),
        ("This is a high plank - hips sag", "high plank"),
    ],
)
def test_an_exercise_is_recognised_however_it_is_written(text, exercise):
    assert QVED.identify(text) == exercise


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "-",
        "plank - hips sag",
        "keep your back straight - and breathe",
        "either squats or pushups",
        "cat - arch further",
        "A person in a blue shirt stands in a room",
    ],
)
def test_what_names_no_one_exercise_is_not_identified(text):
    assert QVED.identify(text) is None


def test_no_canonical_name_is_mistaken_for_another():
    for name in QVED.classes:
        assert QVED.identify(f"{name} - good") == name


def test_the_published_rule_keeps_its_faults():
    assert compat_exercise("cat-cow pose - arch") == "cat"
    assert is_compat_match("cat-walk - x", "cat-cow pose - arch")
    assert not is_compat_match("tricep stretch - hold", "tricep stretch (right arm) - hold")
    assert not is_compat_match("The user does squats", "squats - good")
    assert not is_compat_match("", "")
    assert is_compat_match("  SQUATS - a", "squats - b")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("squats - a - b", ("squats", "a - b")),
        ("squats — a", ("squats", "a")),
        ("keep going", ("", "keep going")),
        ("cat-cow pose", ("", "cat-cow pose")),
    ],
)
def test_an_answer_is_split_at_its_first_separator(text, parts):
    assert split_answer(text) == parts


def test_a_variant_is_kept_apart_from_the_name():
    assert normalise_name("Tricep_Stretch (right arm)") == "tricep stretch"
    assert variant_of("tricep stretch (Right arm) - hold (it)") == "right arm"
    assert variant_of("squats - hold") is None


def test_a_catalogue_comes_from_labels_or_else_from_answers():
    assert derive_catalogue(["squats", None], ["pushups - a", "x"]).classes == ("squats",)
    assert derive_catalogue([None, None], ["pushups - a", "Squats (deep) - b"]).classes == ("pushups", "squats")
    assert derive_catalogue([None], ["no separator here"]).classes == ()


def test_an_alias_of_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match="lunges"):
        ExerciseCatalogue(("squats",), {"big step": "lunges"})


@pytest.mark.parametrize(("first", "second", "distance"), [("", "ab", 2), ("kitten", "sitting", 3), ("abc", "xyz", 3)])
def test_edit_distance_is_levenshteins(first, second, distance):
    assert edit_distance(first, second, limit=5) == distance
    assert edit_distance(first, second, limit=1) == 2
