import itertools
import re
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidtune.metrics import ExerciseCatalogue
from vidtune.metrics.slots import Advice, lexicons, read_feedback, score_feedback
from vidtune.metrics.slots._grammar import CLAUSE_END, RULES
from vidtune.metrics.slots._read import _read_clause
from vidtune.metrics.slots._words import Told
from vidtune.packs.physio.exercises import exercises

PHYSIO = lexicons.get("physio")
SURGICAL = lexicons.get("surgical")


def read(text, lexicon=PHYSIO):
    return read_feedback(f"squats - {text}", lexicon)


def compare(predicted, reference, lexicon=PHYSIO):
    return score_feedback(read(predicted, lexicon), read(reference, lexicon), lexicon)


@pytest.mark.parametrize(
    "text",
    [
        "Your knees cave inwards.",
        "Knees caving in",
        "Push your knees outwards.",
        "Push your knees out over your toes.",
        "Don't let your knees cave in.",
        "Avoid letting the knees collapse inward.",
        "Your knees fall towards each other.",
        "The knees are too close together.",
        "Your knees are not wide enough.",
        "Keep your knees apart.",
    ],
)
def test_findings_and_instructions_of_one_kind_give_one_advice(text):
    assert Advice("knees", "outwards") in read(text).advice


@pytest.mark.parametrize("text", ["Your knees do not cave in.", "No caving of the knees.", "Good form, keep going!"])
def test_what_is_denied_or_praised_is_no_advice(text):
    assert read(text).advice == frozenset()
    assert read(text).errors == frozenset()


def test_praise_is_told_from_silence():
    assert read("Well done, a smooth movement.").is_praise
    assert not read("The mat is blue.").is_praise


@pytest.mark.parametrize(
    ("text", "part", "direction"),
    [
        ("You are not going low enough.", "", "down"),
        ("Your hips are too high.", "hips", "down"),
        ("You move too fast.", "", "slower"),
        ("Slow down.", "", "slower"),
        ("Your hips sag.", "hips", "up"),
        ("Your back rounds.", "back", "straight"),
        ("Keep your back straight.", "back", "straight"),
        ("Sit back.", "", "backward"),
        ("Lift your chest.", "chest", "up"),
        ("Your chest drops towards the floor.", "chest", "up"),
        ("Your knees cave in. Push them out.", "knees", "outwards"),
        ("Draw your elbow in towards your head.", "elbows", "inwards"),
        ("Tighten your core.", "core", "tense"),
    ],
)
def test_parts_and_ways_are_read(text, part, direction):
    assert Advice(part, direction) in read(text).advice


def test_side_severity_and_exercise_are_read():
    found = read_feedback(
        "tricep stretch (right arm) - Your left elbow is slightly bent.", PHYSIO, ExerciseCatalogue(("tricep stretch",))
    )

    assert (found.exercise, found.sides, found.severity) == ("tricep stretch", {"left", "right"}, 1)


def test_inwards_against_outwards_scores_nothing_on_direction():
    found = compare("Knees caving outwards", "Knees caving inwards")

    assert found.by_slot["direction"] == 0.0
    assert found.by_slot["body_part"] == found.by_slot["error"] == 1.0
    assert found.is_contradiction
    assert found.num_missed == found.num_hallucinated == 1


def test_the_same_in_other_words_scores_full_on_direction_and_correction():
    found = compare(
        "The knees collapse; drive them outwards.", "Knees are caving inwards, push them out over your toes."
    )

    assert found.by_slot["direction"] == found.by_slot["correction"] == found.by_slot["error"] == 1.0
    assert found.total == 1.0


def test_inventions_and_gaps_are_counted():
    found = compare("Lift your chest. Lower your hips.", "Lift your chest. Push your knees out.")

    assert (found.num_hallucinated, found.num_missed) == (1, 1)
    assert 0 < found.by_slot["correction"] < 1


def test_praise_where_something_can_do_harm_is_unsafe():
    assert compare("Perfect, well done.", "Your back is rounding, keep it straight.").is_unsafe_miss
    assert not compare("Perfect, well done.", "Your heels are lifting, press them down.").is_unsafe_miss
    assert compare("Nice and smooth.", "Good form.").by_slot["error"] == 1.0


def test_harm_weighs_twice():
    mild = compare("Your hips move.", "Your heels are lifting off the floor.")
    harmful = compare("Your hips move.", "Your knees are caving inwards.")

    assert harmful.is_safety
    assert not mild.is_safety


def test_another_domain_has_its_own_words():
    assert compare("The scope is withdrawing.", "The scope is advancing.", SURGICAL).by_slot["direction"] == 0.0
    assert compare("The scope moves forward.", "The scope is advancing.", SURGICAL).by_slot["direction"] == 1.0


def test_every_direction_of_every_lexicon_has_an_opposite_and_every_cure_is_one():
    for name in lexicons.names():
        lexicon = lexicons.get(name)
        for direction in lexicon.directions:
            assert lexicon.opposites[lexicon.opposites[direction]] == direction
        known = {*lexicon.cures.values(), *lexicon.action_directions.values(), *lexicon.degrees.values()}
        assert known <= set(lexicon.directions)
        assert set(lexicon.cures) <= set(lexicon.errors)


def test_wordings_of_one_fault_are_more_alike_than_those_of_two():
    """The packs' sentences, written without this grammar in mind: 14 exercises, all pairs."""
    same, other = [], []
    for name in exercises.names():
        readings = {
            fault: [read_feedback(f"x - {seen} {fix}", PHYSIO) for seen in entry.seen for fix in entry.fix]
            for fault, entry in exercises.get(name).faults.items()
        }
        for group in readings.values():
            same += [score_feedback(a, b, PHYSIO).total or 0.0 for a, b in itertools.combinations(group, 2)]
        for first, second in itertools.combinations(readings.values(), 2):
            other += [score_feedback(a, b, PHYSIO).total or 0.0 for a, b in itertools.product(first, second)]

    assert len(same) > 1000
    assert statistics.fmean(same) > 0.45
    assert statistics.fmean(other) < 0.1


def test_every_wording_agrees_fully_with_itself():
    texts = [
        f"x - {seen} {fix}"
        for name in exercises.names()
        for entry in exercises.get(name).faults.values()
        for seen in entry.seen
        for fix in entry.fix
    ]

    for text in texts:
        found = score_feedback(read_feedback(text, PHYSIO), read_feedback(text, PHYSIO), PHYSIO)
        assert (found.total, found.num_missed, found.num_hallucinated) == (1.0, 0, 0), text
        assert not found.is_contradiction
    assert len(texts) > 400


# What texts are made of here: words that rules and lexicons know, and what can stand around them.
PIECES = st.sampled_from(
    [
        *"don't not no never back knees left right (left) both too far very slight a bit over your head".split(),
        *("n't", "x'n't", "and then", "so that", "push", "sit", "ｂack", "İ", "_not", "éno", "Ünever", "'", "-", "’"),
        *(" ", "  ", ", ", ", and ", ". ", "; ", "\n", "\t", "\x1c", "\u2028", " and ", " but ", ",which", ".."),
    ]
)
TEXTS = st.lists(PIECES, max_size=14).map(" ".join) | st.lists(PIECES, max_size=20).map("".join) | st.text(max_size=40)


@given(TEXTS)
def test_no_rule_is_passed_over_that_would_be_found(text):
    told = Told(text.lower(), PHYSIO.vocabulary)

    for rule in RULES:
        assert told.holds(rule) == (rule.pattern.search(told.text) is not None)


@given(TEXTS)
def test_words_have_their_places(text):
    told = Told(text.lower(), PHYSIO.vocabulary)

    assert [told.text[start:end] for start, end in told.spans] == told.words


@given(TEXTS)
def test_clauses_end_where_the_plain_rule_ends_them(text):
    plain = re.compile(
        r"[.;!?:\n]+|,\s*(?:and|but|so|then|which)?\s*"
        r"|\s+(?:and then|and|but|so that|so|then|while|because|although|instead)\s+"
    )

    assert CLAUSE_END.split(text) == plain.split(text)


@given(TEXTS)
def test_a_clause_that_is_remembered_reads_as_one_that_is_not(text):
    remembered = read(text)

    _read_clause.cache_clear()

    assert read(text) == remembered
