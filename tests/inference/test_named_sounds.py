"""Sound files that the data name are looked for before the model is loaded, if it hears."""

from pathlib import Path

import pytest
from tests.inference.conftest import make_config
from tests.inference.spoken import write_spoken
from tests.models.families.tiny_gemma3n import make_tiny_folder

from vidtune.core.errors import DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.inference import predict_dataset


@pytest.fixture(scope="module")
def hearing_folder(tmp_path_factory) -> Path:
    return make_tiny_folder(tmp_path_factory.mktemp("models") / "gemma3n")


@pytest.fixture
def config(hearing_folder, tmp_path):
    """A recipe of which every sound file is gone."""
    data = write_spoken(tmp_path)
    for path in tmp_path.glob("sound_*.wav"):
        path.unlink()
    return make_config(hearing_folder, data, tmp_path, sampling={"num_frames": 1}, generation={"max_new_tokens": 1})


def never_loaded():
    raise AssertionError("the model was loaded")


def test_without_any_of_its_sounds_nothing_is_loaded(config, tmp_path):
    with pytest.raises(DataInvalid, match=r"none of the 4 sound files of .*spoken\.jsonl is beside it") as caught:
        predict_dataset(config, RunDirectory(tmp_path / "run"), load=never_loaded)

    assert len(caught.value.findings) == 3
    assert "s0: the sound file 'sound_0.wav' of s0 was not found: looked at" in caught.value.findings[0]
    assert "data.sound=none" in caught.value.remedy
    assert not (tmp_path / "run" / "predictions.jsonl").exists()


def test_they_are_not_looked_for_where_nothing_is_to_be_heard(config, tiny_folder, tmp_path):
    silent = config.model_copy(update={"data": config.data.model_copy(update={"sound": "none"})})
    deaf = config.model_copy(update={"model": config.model.model_copy(update={"source": str(tiny_folder)})})

    for number, one in enumerate((silent, deaf)):
        with pytest.raises(AssertionError, match="the model was loaded"):
            predict_dataset(one, RunDirectory(tmp_path / f"run{number}"), load=never_loaded)
