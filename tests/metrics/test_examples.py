import doctest
import importlib

import pytest

MODULES = [
    "bleu",
    "caption_words",
    "choice",
    "comparison",
    "corrections",
    "chrf",
    "exercise",
    "matching",
    "paired",
    "power",
    "meteor",
    "ranking",
    "rouge",
    "statistics",
    "temporal",
    "thresholds",
    "timed_text",
    "wordnet._nouns",
    "wordnet._synonyms",
    "wups",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_documentation_hold(name):
    results = doctest.testmod(importlib.import_module(f"vidtune.metrics.{name}"))

    assert results.attempted > 0
    assert results.failed == 0
