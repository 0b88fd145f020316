import pytest

from vidtune.core.registry import Registry, parts_in_folder


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


def test_a_file_put_into_a_folder_is_a_part_and_what_is_shared_is_none(tmp_path):
    for name in ("rouge.py", "_shared.py", "bleu.py"):
        (tmp_path / name).write_text("raise RuntimeError('imported too early')", encoding="utf-8")

    assert parts_in_folder("some.package", [str(tmp_path)], "METRIC") == {
        "bleu": "some.package.bleu:METRIC",
        "rouge": "some.package.rouge:METRIC",
    }
