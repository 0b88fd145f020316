import itertools
import random
import re
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.metrics.plain_slots import read_plainly

from vidtune.metrics import ExerciseCatalogue
from vidtune.metrics.slots import Advice, FeedbackSlots, lexicons, read_feedback, score_feedback
from vidtune.metrics.slots._grammar import CLAUSE_END, RULES
from vidtune.metrics.slots._read import _read_clause
from vidtune.metrics.slots._slots import AdviceIndex
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
PLAIN_WORDS = "don't not no never back knees left right (left) both too far very slight a bit over your head".split()
ODD_WORDS = ["n't", "x'n't", "and then", "so that", "push", "sit", "ｂack", "İ", "_not", "éno", "Ünever", "'", "-", "’"]
BREAKS = [" ", "  ", ", ", ", and ", ". ", "; ", "\n", "\t", "\x1c", "\u2028", " and ", " but ", ",which", ".."]
PIECES = st.sampled_from([*PLAIN_WORDS, *ODD_WORDS, *BREAKS])
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


# What rules of a clause go by, and words that show only once others are taken away.
RULE_WORDS = (
    "do not avoid stop please now try to you can should must let the his lower back sit lean go come away from with"
    " until them it they isn't quite enough high low wide close straight is in (over your toes) closer together upper"
    " somewhat back'arm over-your x'arm back's knee_s knees-in 5'2 a'b'c don’t DON'T Knees ſ not\u00a0low toes. butt"
    " sofa there"
).split()


def words_of(lexicon):
    """Return the words of a lexicon; those with any ending have some."""
    names = (lexicon.parts, lexicon.errors, lexicon.directions, lexicon.actions, {"": lexicon.praise})
    patterns = [pattern for entries in names for several in entries.values() for pattern in several]
    whole = [pattern.replace("*", ending) for pattern in patterns for ending in ("", "ing", "'s")]
    return [*whole, *lexicon.idioms, *lexicon.degrees]


def write_text(rng, known):
    """Return a text of words that mean something, in no order that means much."""
    words = []
    for _ in range(rng.randrange(1, 20)):
        of = rng.choices((known, RULE_WORDS, PLAIN_WORDS, ODD_WORDS, ["x", "10"]), (6, 5, 2, 1, 2))[0]
        words += [rng.choice(of), " " if rng.random() < 0.7 else rng.choice(BREAKS)]
    return rng.choice(("", "squats - ", "tricep stretch (right arm) - ")) + "".join(words)


def exchange_words(rng, text, known):
    """Return a text with some words exchanged for words that mean something."""
    words = text.split()
    return " ".join(rng.choice(known) if rng.random() < 0.2 else word for word in words)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", lexicons.names())
def test_every_text_is_read_as_the_plain_reader_reads_it(name, every):
    rng, lexicon, catalogue = random.Random(name), lexicons.get(name), ExerciseCatalogue(("squats", "tricep stretch"))
    known = words_of(lexicon)
    written = [
        f"squats - {seen} {fix}"
        for exercise in exercises.names()
        for entry in exercises.get(exercise).faults.values()
        for seen, fix in zip(entry.seen, entry.fix, strict=False)
    ]
    texts = [write_text(rng, known) for _ in range(400)] + [exchange_words(rng, text, known) for text in written]
    texts = texts[::every]

    for text in texts:
        assert read_feedback(text, lexicon, catalogue) == read_plainly(text, lexicon, catalogue), text
    assert sum(bool(read(text, lexicon).advice) for text in texts) > len(texts) / 2


@given(TEXTS)
def test_odd_texts_are_read_as_the_plain_reader_reads_them(text):
    assert read(text) == read_plainly(f"squats - {text}", PHYSIO)


def test_pieces_of_advice_are_compared_one_by_one():
    """What the sets of an index answer at once is what comparing every piece with every other answers."""
    rng = random.Random(4)
    said = [Advice(part, way) for part in ("", "knees", "hips") for way in ("up", "down", "inwards")]

    def is_same(one, other):
        return one.direction == other.direction and (one.part == other.part or "" in (one.part, other.part))

    for _ in range(300):
        first, second = (frozenset(rng.sample(said, rng.randrange(5))) for _ in range(2))
        missing = AdviceIndex(first).not_given_by(AdviceIndex(second))
        assert set(missing) == {one for one in first if not any(is_same(one, other) for other in second)}
        found = score_feedback(FeedbackSlots(advice=first), FeedbackSlots(advice=second), PHYSIO)
        turned = {Advice(part, PHYSIO.opposites[way]) for part, way in missing}
        assert found.is_contradiction == any(is_same(one, other) for one in turned for other in second)
