import json
from pathlib import Path

import pytest
from tests.metrics import full_wordnet

from vidtune.metrics import wups
from vidtune.metrics.wordnet import noun_similarity
from vidtune.metrics.wordnet.build_nouns import build_nouns

GOLDEN = json.loads(Path(__file__).with_name("nltk_wup.json").read_text(encoding="utf-8"))


def test_similarities_are_those_of_nltk_with_the_full_wordnet():
    for first, second, expected in GOLDEN:
        found = noun_similarity(first, second)

        assert (found is None) == (expected is None), (first, second)
        if expected is not None:
            assert found == pytest.approx(expected, abs=1e-12), (first, second)


@pytest.mark.slow
@pytest.mark.skipif(not full_wordnet.is_installed(), reason="Debian's wordnet-base is not installed")
def test_the_shipped_table_is_what_the_script_makes_of_the_database():
    shipped = Path(build_nouns.__code__.co_filename).with_name("nouns.txt.gz")

    assert build_nouns(full_wordnet.DEBIAN_FOLDER) == shipped.read_bytes()


@pytest.mark.parametrize(
    ("prediction", "answer", "threshold", "expected"),
    [
        ("dog", "dog", 0.9, 1.0),
        ("the dog", "dog", 0.9, 1.0),
        ("dog", "cat", 0.0, 0.857142857),
        ("dog", "cat", 0.9, 0.0857142857),
        # Both ways: "cup" covers itself, and no word of it covers "red".
        ("cup", "red cup", 0.0, min(1.0, noun_similarity("red", "cup"))),
        ("", "dog", 0.0, 0.0),
        ("zzz", "dog", 0.0, 0.0),
    ],
)
def test_values_worked_out_by_hand(prediction, answer, threshold, expected):
    assert wups(prediction, answer, threshold) == pytest.approx(expected, abs=1e-9)
