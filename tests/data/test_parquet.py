"""Tables in Parquet, as the hub keeps Video-MME and LongVideoBench, are read like the same records in JSON."""

import json

import pyarrow
import pytest
from pyarrow import parquet
from tests.data.test_benchmarks import FOLDER

from vidtune.core.errors import DataInvalid, NotInstalled
from vidtune.data import read_dataset


def write(path, records):
    parquet.write_table(pyarrow.Table.from_pylist(records), path)
    return path


@pytest.mark.parametrize("name", ["video_mme/video_mme.json", "longvideobench/lvb_val.json", "plain/choices.json"])
def test_a_table_gives_the_samples_of_its_json(name, tmp_path):
    source = FOLDER / name
    table = write(tmp_path / "test-00000-of-00001.parquet", json.loads(source.read_text(encoding="utf-8")))

    found, wanted = read_dataset(table), read_dataset(source)

    assert found.format == wanted.format
    assert [sample.sample_id for sample in found] == [sample.sample_id for sample in wanted]
    assert [sample.turns for sample in found] == [sample.turns for sample in wanted]
    assert [sample.meta for sample in found] == [sample.meta for sample in wanted]


def test_a_wrong_row_is_named_by_its_number(tmp_path):
    records = json.loads((FOLDER / "video_mme/video_mme.json").read_text(encoding="utf-8"))
    records[1]["answer"] = "Z"

    with pytest.raises(DataInvalid, match="line 2"):
        read_dataset(write(tmp_path / "table.parquet", records))


def test_a_table_that_was_cut_and_one_of_pictures_are_findings(tmp_path):
    table = write(tmp_path / "table.parquet", [{"video": "a.mp4", "question": "?"}])
    table.write_bytes(table.read_bytes()[:-20])

    with pytest.raises(DataInvalid, match="a Parquet table that cannot be read"):
        read_dataset(table)
    with pytest.raises(DataInvalid, match="no pictures or sound"):
        read_dataset(write(table, [{"image": b"\x00\x01"}]))


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    table = write(tmp_path / "table.parquet", [{"video": "a.mp4"}])
    monkeypatch.setattr("vidtune.data._parquet.importlib.util.find_spec", lambda name: None)

    with pytest.raises(NotInstalled, match=r"vidtune\[parquet\]"):
        read_dataset(table)
