"""Stems equal nltk's, word by word."""

import gzip
from importlib import resources

from hypothesis import given
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer

from vidtune.metrics.porter import porter_stem

NLTK = PorterStemmer()
ENDINGS = (
    "s es ies sses ed ied eed ing y ly ational tional enci anci izer bli alli fulli logi ization ator "
    "iveness ousness biliti icate ative alize iciti ical ful ness ance ement ment ent ion ou ism ate iti "
    "ous ive ize e ll "
).split()


def test_the_words_of_wordnet_have_the_stems_that_nltk_gives_them():
    packed = resources.files("vidtune.metrics.wordnet").joinpath("synonyms.txt.gz").read_bytes()
    words = sorted({word.lower() for word in gzip.decompress(packed).decode().split() if word.isalpha()})[::11]

    assert len(words) > 5000
    assert [word for word in words if porter_stem(word) != NLTK.stem(word)] == []


@given(
    start=st.text(alphabet="aeiouybcdlnrstwxz", max_size=7),
    ending=st.sampled_from(["", *ENDINGS]),
    second=st.sampled_from(["", *ENDINGS]),
)
def test_whatever_a_word_ends_in_its_stem_is_that_of_nltk(start, ending, second):
    assert porter_stem(start + ending + second) == NLTK.stem(start + ending + second)


def test_words_that_fit_no_rule_are_those_of_nltk():
    for word in ("skies", "dying", "news", "innings", "proceed", "us", "a", "", "don't", "2.5", "naïve", "yyyyy"):
        assert porter_stem(word) == NLTK.stem(word)
