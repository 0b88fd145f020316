"""Caption metrics against pycocoevalcap and sacrebleu; the fixture holds what those programs said."""

import json
from pathlib import Path

import pytest

from vidtune.metrics import (
    bleu,
    bleu_counts,
    caption_rouge_l,
    caption_words,
    chrf,
    chrf_counts,
    cider_d,
)

GOLDEN = json.loads(Path(__file__).with_name("reference_scores.json").read_text(encoding="utf-8"))
CLIPS = [[tuple(caption_words(text)) for text in captions] for captions in GOLDEN["clips"]]
ROUNDS = GOLDEN["rounds"]


def said(one):
    return [caption_words(text) for text in one["predictions"]]


def test_captions_are_split_as_the_stanford_tokeniser_does():
    wrong = {text: words for text, words in GOLDEN["words"].items() if " ".join(caption_words(text)) != words}

    assert wrong == {}
    assert len(GOLDEN["words"]) > 40


@pytest.mark.parametrize("one", ROUNDS)
def test_bleu_is_that_of_coco_caption(one):
    counts = [bleu_counts(words, references) for words, references in zip(said(one), CLIPS, strict=True)]
    total = counts[0]
    for other in counts[1:]:
        total = total + other

    assert [bleu(total, order) for order in (1, 2, 3, 4)] == pytest.approx(one["bleu"], abs=1e-9)
    for order in (1, 2, 3, 4):
        assert [bleu(each, order) for each in counts] == pytest.approx(one["bleu_each"][order - 1], abs=1e-9)


@pytest.mark.parametrize("one", ROUNDS)
def test_cider_d_is_that_of_coco_caption(one):
    values = cider_d(said(one), CLIPS)

    assert values == pytest.approx(one["cider_d_each"], abs=1e-9)
    assert sum(values) / len(values) == pytest.approx(one["cider_d"], abs=1e-9)


@pytest.mark.parametrize("one", ROUNDS)
def test_rouge_l_of_captions_is_that_of_coco_caption(one):
    values = [caption_rouge_l(words, references) for words, references in zip(said(one), CLIPS, strict=True)]

    assert values == pytest.approx(one["rouge_l_each"], abs=1e-9)


@pytest.mark.parametrize("one", ROUNDS)
def test_chrf_is_that_of_sacrebleu(one):
    counts = [chrf_counts(text, captions) for text, captions in zip(one["predictions"], GOLDEN["clips"], strict=True)]

    assert [100 * chrf(row) for row in counts] == pytest.approx(one["chrf_each"], abs=1e-9)
    assert 100 * chrf([sum(column) for column in zip(*counts, strict=True)]) == pytest.approx(one["chrf"], abs=1e-9)


def test_the_opposite_instruction_is_nearly_the_same_to_letters_and_not_to_words():
    right, opposite = "knees caving inwards", "knees caving outwards"

    assert chrf(chrf_counts(opposite, [right])) > 0.65
    assert bleu(bleu_counts(opposite.split(), [right.split()]), 2) < 0.6


@pytest.mark.parametrize("score", [chrf, lambda row: bleu(row) if row.num_words else 0.0])
def test_an_empty_prediction_scores_nothing(score):
    row = chrf_counts("", ["a man"]) if score is chrf else bleu_counts([], [["a", "man"]])

    assert score(row) == pytest.approx(0.0, abs=1e-9)
    assert cider_d([[], ["a"]], [[["a", "man"]], [["b"]]])[0] == 0.0


def test_one_clip_alone_has_no_rarity_and_scores_zero():
    assert cider_d([["a", "man"]], [[["a", "man"]]]) == [0.0]


def test_cider_d_of_one_clip_does_not_depend_on_the_order_of_the_others():
    one = ROUNDS[3]
    straight = cider_d(said(one), CLIPS)
    turned = cider_d(said(one)[::-1], CLIPS[::-1])

    assert turned[::-1] == pytest.approx(straight, abs=1e-12)
