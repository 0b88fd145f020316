import pytest

from vidtune.core.registry import Registry


def test_a_part_is_imported_when_first_asked_for():
    registry = Registry("thing", {"path": "pathlib:Path"})

    assert registry.get("path").__name__ == "Path"


def test_an_unknown_name_offers_the_nearest_and_lists_all():
    registry = Registry("metric", {"exact_match": "m:a", "bleu": "m:b"})

    with pytest.raises(
        LookupError, match=r"Unknown metric 'exact_mach'\. Did you mean 'exact_match'\? Known: bleu, exact"
    ):
        registry.get("exact_mach")


def test_a_name_is_never_replaced():
    registry = Registry("metric", {"bleu": "m:b"})

    with pytest.raises(ValueError, match="registered already"):
        registry.register("bleu", "m:c")
