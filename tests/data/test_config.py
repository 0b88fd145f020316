import pytest
from tests.data.writing import qved, write

from vidtune.config import build_config
from vidtune.core.errors import ConfigInvalid, DataInvalid
from vidtune.data import DataConfig, load_samples


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "a.json", [qved(f"{n}.mp4", split="train" if n < 4 else "test") for n in range(6)])


def ids_of(path, **settings):
    return [sample.sample_id for sample in load_samples(DataConfig(path=path, videos=path.parent, **settings))]


def test_split_exclude_and_limit_are_applied_in_that_order(path):
    assert ids_of(path) == list("012345")
    assert ids_of(path, split="test") == ["4", "5"]
    assert ids_of(path, split="train", exclude=("0", "2.mp4"), limit=1) == ["1"]


def test_an_unknown_excluded_sample_is_an_error_that_offers_the_nearest(path):
    with pytest.raises(DataInvalid, match=r"names 1 sample\(s\) that .*: 44.mp4. Did you mean '4.mp4'"):
        ids_of(path, exclude=("4", "44.mp4"))


def test_an_unknown_split_names_those_there_are(path, tmp_path):
    with pytest.raises(DataInvalid, match="has the splits test, train, expected 'val'"):
        ids_of(path, split="val")
    with pytest.raises(DataInvalid, match="has no splits"):
        ids_of(write(tmp_path / "b.json", [qved("a.mp4")]), split="val")


def test_leaving_out_everything_is_an_error(path):
    with pytest.raises(DataInvalid, match="no sample left"):
        ids_of(path, split="test", exclude=("4", "5"))


def test_an_unknown_format_is_refused_before_anything_is_read(path):
    with pytest.raises(ConfigInvalid, match="known: auto, activitynet_captions, .*messages, .*qved"):
        build_config(DataConfig, {"path": path, "videos": ".", "format": "coco"}, source="a test")
