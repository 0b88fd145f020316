from vidtune.metrics import NO_ERROR, FeedbackWordings, collect_wordings

WORDINGS = FeedbackWordings(
    {
        "knee_valgus": ("knees are caving inwards, push them out", "keep the knees over the toes"),
        "knee_varus": ("knees are caving outwards, bring them in",),
        "hips_sagging": ("the hips are sagging, squeeze your glutes",),
        NO_ERROR: ("user is doing well, keep going",),
    }
)


def test_a_known_wording_names_its_error():
    for error, wordings in WORDINGS.by_error.items():
        for wording in wordings:
            assert WORDINGS.identify(f"squats - {wording}") == error


def test_one_word_decides_between_opposite_errors():
    assert WORDINGS.identify("squats - your knees are caving inwards") == "knee_valgus"
    assert WORDINGS.identify("squats - your knees are caving outwards") == "knee_varus"


def test_the_exercise_before_the_separator_does_not_count():
    assert WORDINGS.identify("hips sagging glutes - keep the knees over the toes") == "knee_valgus"


def test_words_that_no_wording_knows_claim_nothing():
    assert WORDINGS.identify("A person in a blue shirt") is None
    assert WORDINGS.identify("") is None
    assert WORDINGS.identify("squats - ") is None
    assert FeedbackWordings({}).identify("squats - knees") is None


def test_equal_nearness_goes_to_the_first_name_every_time():
    ambiguous = FeedbackWordings({"b": ("slow down",), "a": ("slow down",)})

    assert ambiguous.identify("x - slow down") == "a"


def test_wordings_are_collected_from_answers_with_one_error_or_none():
    answers = ["squats - knees in", "squats - good", "squats - both", "squats - unknown", "no separator"]
    errors = [("valgus",), (), ("valgus", "lean"), None, ("lean",)]

    found = collect_wordings(answers, errors)

    assert found.by_error == {"lean": ("no separator",), NO_ERROR: ("good",), "valgus": ("knees in",)}


def test_the_named_exercise_decides_between_errors_that_are_said_in_the_same_words():
    wordings = FeedbackWordings(
        {"hips_piking": ("your hips are high, lower them",), "hips_too_high": ("your hips are too high, drop them",)},
        {"pushups": frozenset({"hips_piking"}), "elbow plank": frozenset({"hips_too_high"})},
    )
    said = "your hips are too high, lower them"

    assert wordings.identify(f"pushups - {said}", "pushups") == "hips_piking"
    assert wordings.identify(f"elbow plank - {said}", "elbow plank") == "hips_too_high"


def test_an_error_of_another_exercise_is_still_recognised():
    wordings = FeedbackWordings(WORDINGS.by_error, {"squats": frozenset({"knee_valgus"})})

    assert wordings.identify("squats - the hips are sagging, squeeze your glutes", "squats") == "hips_sagging"
