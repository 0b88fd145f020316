import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.tokenize import NLTKWordTokenizer
from tests.metrics import full_wordnet

from vidtune.metrics import meteor, meteor_of_words, meteor_words
from vidtune.metrics.meteor import _PLAIN, _SPLIT_BY_NLTK, _split_sentence
from vidtune.metrics.wordnet import synonyms_of
from vidtune.metrics.wordnet.build_table import build_table

GOLDEN = json.loads(Path(__file__).with_name("nltk_meteor.json").read_text(encoding="utf-8"))
needs_wordnet = pytest.mark.skipif(not full_wordnet.is_installed(), reason="Debian's wordnet-base is not installed")


def test_synonyms_are_those_that_nltk_finds_in_the_full_wordnet():
    wrong = [word for word, names in GOLDEN["synonyms"].items() if sorted(synonyms_of(word)) != names]

    assert wrong == []
    assert len(GOLDEN["synonyms"]) > 1500


def test_scores_are_those_of_nltk_with_the_full_wordnet():
    for pair in GOLDEN["pairs"]:
        assert meteor_of_words(pair["prediction"], pair["reference"]) == pytest.approx(pair["meteor"], abs=1e-12)


@needs_wordnet
def test_the_shipped_table_is_what_the_script_makes_of_the_database():
    shipped = Path(build_table.__code__.co_filename).with_name("synonyms.txt.gz")

    assert build_table(full_wordnet.DEBIAN_FOLDER) == shipped.read_bytes()


@needs_wordnet
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The multilingual functions:UserWarning")
def test_nltk_itself_agrees_here_and_now(tmp_path):
    from nltk.translate.meteor_score import single_meteor_score

    wordnet = full_wordnet.open_full_wordnet(tmp_path)

    for pair in GOLDEN["pairs"]:
        expected = single_meteor_score(pair["reference"], pair["prediction"], wordnet=wordnet)
        assert meteor_of_words(pair["prediction"], pair["reference"]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("squats - Knees cave in.", ["squats", "-", "Knees", "cave", "in", "."]),
        ("Good form. Keep it up!", ["Good", "form", ".", "Keep", "it", "up", "!"]),
        ("Don't lean (too far).", ["Do", "n't", "lean", "(", "too", "far", ")", "."]),
        ("hold for 2.5 s. then rest", ["hold", "for", "2.5", "s.", "then", "rest"]),
        ("", []),
    ],
)
def test_text_is_split_as_nltk_word_tokenize_does(text, words):
    assert list(meteor_words(text)) == words


def test_stems_and_synonyms_count_as_matches():
    exact = meteor("the hips drop", "the hips drop")

    assert meteor("the hip dropped", "the hips drop") == pytest.approx(exact)
    assert meteor("then jump higher", "then leap higher") > meteor("then jump higher", "then walk higher")


@pytest.mark.parametrize(("prediction", "reference"), [("", "a b"), ("a b", ""), ("", ""), ("x", "y")])
def test_nothing_in_common_scores_zero(prediction, reference):
    assert meteor(prediction, reference) == 0.0


def test_synonyms_are_sought_for_stems_because_nltk_does_so():
    assert meteor("squeeze your buttocks", "squeeze your rump") == meteor("squeeze your buttocks", "squeeze your toes")


@given(
    sentence=st.text(alphabet="abK2-,.!?()/%;:'stn ", max_size=30)
    | st.text(alphabet="ab2,.!?(;'s\" ", max_size=16)
    | st.from_regex(r"([a-c()/%-]{1,3}[,;:]? ){0,6}[a-c]+[.!?]?", fullmatch=True)
    | st.from_regex(
        r"([a-cn%/]{1,3}('s|'m|'d|'t|'ll|'re|'ve|[.]5)?[,;:)]? ){1,6}[a-cn]+('s|n't)?[.!?]?", fullmatch=True
    )
)
def test_plain_sentences_take_a_short_way_to_the_same_words(sentence):
    assert _split_sentence(sentence) == NLTKWordTokenizer().tokenize(sentence)


@pytest.mark.parametrize(
    "sentence",
    ["you cannot go lower", "don't, please", "so -- slow", "I'm gonna (stop).", "a, b,c", "a...", "and/or 2.5 %"],
)
def test_what_nltk_splits_specially_is_split_so(sentence):
    assert _split_sentence(sentence) == NLTKWordTokenizer().tokenize(sentence)


WORDS = (
    "squats keep It's don't 5 3.5 (arm) can't 100% cat-cow e.g cannot ( x) knees dogs n t 's 'em tis I'm O'Brien"
).split()


def takes_the_short_way(sentence):
    return _PLAIN.fullmatch(sentence) is not None and _SPLIT_BY_NLTK.search(sentence) is None


@pytest.mark.parametrize("quote", ['"', "'"])
def test_sentences_with_quotation_marks_are_split_as_nltk_splits_them(quote):
    rng, tokenize = random.Random(1), NLTKWordTokenizer().tokenize
    num_short = 0
    for _ in range(3000):
        opening, closing = (
            ("", "", "", quote, f"({quote}"),
            ("", "", "", quote, f",{quote}", f"{quote},", f"{quote})", ";"),
        )
        size = rng.randrange(1, 6)
        parts = [rng.choice(opening) + rng.choice(WORDS) + rng.choice(closing) for _ in range(size)]
        sentence = " ".join(parts) + rng.choice(["", ".", "!", f".{quote}", f"{quote}.", f"?{quote}"])

        assert _split_sentence(sentence) == tokenize(sentence), sentence
        num_short += quote in sentence and takes_the_short_way(sentence)
    assert num_short > 300


@pytest.mark.parametrize(
    "sentence",
    [
        "Keep 'em up.",
        "He said 'knees out', and meant it.",
        "Your 'squat' isn't one (see 'form').",
        "The knees' place is over the toes.",
        "Say 'stop!'",
        "'Good' is not 'good enough.'",
    ],
)
def test_single_quotation_marks_need_no_nltk(sentence):
    assert takes_the_short_way(sentence)
    assert _split_sentence(sentence) == NLTKWordTokenizer().tokenize(sentence)
