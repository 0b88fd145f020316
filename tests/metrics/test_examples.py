import doctest
import importlib

import pytest

MODULES = ["rouge", "meteor", "exercise", "thresholds", "statistics", "wordnet._synonyms"]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_documentation_hold(name):
    results = doctest.testmod(importlib.import_module(f"vidtune.metrics.{name}"))

    assert results.attempted > 0
    assert results.failed == 0
