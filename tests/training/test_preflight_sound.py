"""Sound files that the data name are counted before any weight is read, if the model hears."""

import pytest
from tests.inference.spoken import write_spoken
from tests.models.families.tiny_gemma3n import make_tiny_folder
from tests.training.test_sound import recipe

from vidtune.core.errors import DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.training._preflight import preflight


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tiny_folder(tmp_path_factory.mktemp("models") / "gemma3n")


def test_missing_sounds_are_named_with_the_share_that_may_be_missing(model, tmp_path):
    data = write_spoken(tmp_path / "data")
    (tmp_path / "data/sound_0.wav").unlink()
    (tmp_path / "data/sound_2.wav").unlink()

    with pytest.raises(DataInvalid) as caught:
        preflight(recipe(model, data), RunDirectory(tmp_path / "run"), evaluator=None)

    [finding] = caught.value.findings
    assert finding.startswith("data: the sound files of 2 of 4 samples are neither below")
    assert "sound_0.wav, sound_2.wav; at most 5% may be missing (limits.max_dropped_share)" in finding


@pytest.mark.parametrize("changes", [{"sound": "none"}, {"limits": {"max_dropped_share": 0.5}}])
def test_they_are_no_hindrance_where_they_are_not_heard_or_may_be_missing(model, tmp_path, changes):
    data = write_spoken(tmp_path / "data")
    (tmp_path / "data/sound_0.wav").unlink()

    found = preflight(recipe(model, data, **changes), RunDirectory(tmp_path / "run"), evaluator=None)

    assert len(found.train) == 4


def test_a_model_that_does_not_hear_needs_none(tmp_path):
    data = write_spoken(tmp_path / "data")
    for path in (tmp_path / "data").glob("sound_*.wav"):
        path.unlink()
    deaf = recipe("nano", data, adapter={"rank": 2, "alpha": 4, "modalities": ["language"]})

    assert len(preflight(deaf, RunDirectory(tmp_path / "run"), evaluator=None).train) == 4
