import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from vidtune.metrics import rouge_l, rouge_n
from vidtune.metrics.rouge import longest_common_subsequence

REFERENCE = RougeScorer(["rougeL"], use_stemmer=False)
WORDS = "knees cave in out squats - Push them over your toes. (right arm) don't 3x! élan".split()


@given(prediction=st.text(max_size=40), reference=st.text(max_size=40))
def test_any_text_scores_as_in_rouge_score(prediction, reference):
    expected = REFERENCE.score(reference, prediction)["rougeL"].fmeasure

    assert rouge_l(prediction, reference) == pytest.approx(expected, abs=1e-9)


def test_sentences_of_the_domain_score_as_in_rouge_score():
    rng = random.Random(1)
    for _ in range(500):
        prediction = " ".join(rng.choices(WORDS, k=rng.randrange(0, 90)))
        reference = " ".join(rng.choices(WORDS, k=rng.randrange(0, 90)))

        expected = REFERENCE.score(reference, prediction)["rougeL"].fmeasure

        assert rouge_l(prediction, reference) == pytest.approx(expected, abs=1e-9)


@given(first=st.lists(st.sampled_from("abcd")), second=st.lists(st.sampled_from("abcd")))
def test_the_common_subsequence_is_symmetric_and_no_longer_than_either(first, second):
    length = longest_common_subsequence(first, second)

    assert length == longest_common_subsequence(second, first)
    assert length <= min(len(first), len(second))


def test_an_empty_text_scores_zero_not_one():
    assert rouge_l("", "squats - good depth") == 0.0
    assert rouge_l("", "") == 0.0


def test_the_opposite_advice_still_scores_high_which_is_why_it_is_not_the_only_score():
    assert rouge_l("squats - knees cave inwards", "squats - knees cave outwards") == 0.75


@pytest.mark.parametrize("text", ["", "knees", "knees in", "knees in, knees out", "Knees IN!"])
@pytest.mark.parametrize("order", [1, 2])
def test_a_text_and_its_like_score_as_in_rouge_score_where_it_has_so_many_words(text, order):
    name = f"rouge{order}"
    for other in (text, text.lower(), f"{text} out"):
        expected = RougeScorer([name], use_stemmer=False).score(other, text)[name].fmeasure

        assert rouge_n(text, other, order) == pytest.approx(expected, abs=1e-9)
