import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from vidtune.metrics import (
    baseline_match,
    exact_match,
    extract_choice,
    keyword_match,
    named_answer,
    normalise_answer,
    normalised_match,
    rouge_n,
    substring_match,
    token_f1,
    word_match,
)

FOUR = ["a ball", "a hat", "a dog", "nothing"]
SIX = ["Ann", "Bob", "Cid", "Dan", "Eve", "Fay"]


def test_no_is_not_in_normal_for_us_and_is_for_the_published_rule():
    assert not word_match("The mucosa is normal.", "no")
    assert not keyword_match("The mucosa is normal.", "no")
    assert substring_match("The mucosa is normal.", "no")


def test_an_empty_prediction_is_right_for_the_published_baselines_alone():
    rules = (exact_match, normalised_match, word_match, substring_match, keyword_match)

    assert baseline_match("", "yes")
    assert not any(rule("", "yes") for rule in rules)
    assert token_f1("", "yes") == 0.0
    assert named_answer("", ["yes", "no"]) is None


def test_a_prediction_inside_the_answer_is_not_the_answer():
    assert baseline_match("upper", "upper-right")
    assert not word_match("upper", "upper-right")
    assert named_answer("upper", ["upper-right", "upper-left"]) is None


@pytest.mark.parametrize("said", ["upper right", "Upper-Right.", "the upper-right", "upper_right"])
def test_punctuation_does_not_decide(said):
    assert normalised_match(said, "upper-right")
    assert word_match(f"It is in the {said} corner", "upper-right")


def test_a_sign_before_a_number_decides():
    assert normalise_answer("< 5 mm") == "<5 mm"
    assert not normalised_match("5", "<5")
    assert not normalised_match(">5", "<5")


def test_naming_two_answers_is_no_answer():
    assert named_answer("It moves up, then left.", ["up", "down", "left", "right"]) is None
    assert named_answer("yes and no", ["yes", "no"]) is None
    assert named_answer("a high plank", ["plank", "high plank"]) == "high plank"


def squad_f1(prediction, answer):
    """The rule as its authors describe it, written apart from ours."""

    def words(text):
        lowered = "".join(" " if re.match(r"\s", c) else c for c in text.lower())
        bare = "".join(c for c in lowered if c not in set(string.punctuation))
        return [w for w in re.sub(r"\b(a|an|the)\b", " ", bare).split()]

    said, wanted = words(prediction), words(answer)
    same = sum(min(count, Counter(wanted)[word]) for word, count in Counter(said).items())
    if same == 0:
        return 0.0
    p, r = same / len(said), same / len(wanted)
    return 2 * p * r / (p + r)


@given(prediction=st.text("ab the.,-!", max_size=30), answer=st.text("ab the.,-!", max_size=30))
def test_token_f1_follows_the_rule_of_squad(prediction, answer):
    assert token_f1(prediction, answer) == pytest.approx(squad_f1(prediction, answer), abs=1e-12)


@given(prediction=st.text("abc A.-", max_size=30), reference=st.text("abc A.-", max_size=30))
@pytest.mark.parametrize("order", [1, 2])
def test_rouge_1_and_2_are_those_of_rouge_score(order, prediction, reference):
    expected = RougeScorer([f"rouge{order}"], use_stemmer=False).score(reference, prediction)[f"rouge{order}"].fmeasure

    assert rouge_n(prediction, reference, order) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("A", 0),
        ("(B)", 1),
        ("b.", 1),
        ("**C**", 2),
        ("The answer is (B).", 1),
        ("answer: C", 2),
        ("The answer is A because it bounces.", 0),
        ("First I thought the answer is B, but the answer is D.", 3),
        ("B. a hat", 1),
        ("D: nothing", 3),
        ("a hat", 1),
        ("It is a dog, I saw it.", 2),
        ("I would pick B", 1),
        ("Best option: (A)", 0),
    ],
)
def test_a_choice_is_found(text, index):
    assert extract_choice(text, FOUR).index == index


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A man throws it.",
        "I see a man.",
        "The answer is A man.",
        "A or B",
        "A, B",
        "a ball and a hat",
        "E",
        "(E)",
        "Not sure.",
        "Because of this",
    ],
)
def test_what_is_no_choice_is_not_taken_for_one(text):
    assert extract_choice(text, FOUR).index is None


def test_a_man_is_not_the_first_option_but_may_name_another():
    assert extract_choice("A man throws a hat.", FOUR).index == 1


@pytest.mark.parametrize(("text", "index"), [("F", 5), ("(E)", 4), ("The answer is F.", 5), ("Fay", 5), ("E) Eve", 4)])
def test_six_options_are_read_to_the_last(text, index):
    assert extract_choice(text, SIX).index == index


@given(st.text(max_size=40))
def test_any_text_gives_the_same_choice_twice_and_never_one_that_is_not_there(text):
    found = extract_choice(text, FOUR)

    assert found == extract_choice(text, FOUR)
    assert found.index is None or 0 <= found.index < 4
