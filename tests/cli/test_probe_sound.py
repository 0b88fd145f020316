"""Does it use the sound? A tiny model that was taught to name tones, asked through the program; and the same one, deaf.

Clip and question are the same for both answers, so only the sound tells them apart.
"""

import pytest
import torch
from tests.inference.spoken import write_spoken
from tests.models.families.tiny_gemma3n import make_tiny_folder

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation import EvaluateConfig, score_probe
from vidtune.inference import predict_conditions
from vidtune.models import families
from vidtune.models.families.gemma3n import Gemma3n

# In small: the verdict with tests/evaluation/test_probe.py, the conditions with tests/inference/test_sound.py.
pytestmark = pytest.mark.slow

NUM_SAMPLES = 8


class Deaf(Gemma3n):
    """The same model behind a door that drops the sound: it takes it, and answers from the rest alone."""

    def media_content(self, frames):
        return [one for one in super().media_content(frames) if one["type"] != "audio"]

    def media_inputs(self, frames):
        return {name: value for name, value in super().media_inputs(frames).items() if name != "audio"}

    def call_arguments(self, processor, frames):
        return {n: v for n, v in super().call_arguments(processor, frames).items() if n != "audio_kwargs"}


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_spoken(tmp_path_factory.mktemp("spoken"), NUM_SAMPLES)


@pytest.fixture(scope="module")
def taught(tmp_path_factory, data):
    """The folder of a model that has learned the tones, by ``train``."""
    from vidtune.config import build_config
    from vidtune.training import TrainConfig, train

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("taught")
    values = {
        "model": {"source": str(make_tiny_folder(folder / "tiny")), "device": "cpu"},
        "data": {"path": str(data), "videos": str(data.parent)},
        "sampling": {"num_frames": 1},
        "adapter": {"kind": "full", "modalities": ["language", "audio"]},
        "optim": {"learning_rate": 1e-2, "schedule": "constant"},
        "loop": {"max_steps": 13, "batch_size": NUM_SAMPLES, "precision": "fp32", "num_threads": 1},
    }
    run = RunDirectory(folder / "run")
    train(build_config(TrainConfig, values, source="a test"), run)
    return run.best


def predict(vidtune, model, data, out):
    where = ["--model", model, "--data", data, "--videos", data.parent, "--out", out]
    status, _, error = vidtune("predict", *where, "--max-new-tokens", 3, "--num-frames", 1)
    assert status == 0, error
    return RunDirectory(out)


def rows_of(record):
    return {row["condition"]: row for row in record["rows"] if row["metric"] == record["leading"][0]}


def test_a_model_that_reads_the_sound_is_seen_to(vidtune, taught, data, tmp_path):
    run = predict(vidtune, taught, data, tmp_path / "run")

    status, text, error = vidtune("evaluate", run.path, "--no-bert", "--probe", "video")

    assert status == 0, error
    record = read_json(run.probe("video"))
    rows = rows_of(record)
    assert rows["silence"]["real_score"] == 1.0
    assert rows["silence"]["gain"] > 0.2
    assert rows["shuffled_sound"]["gain"] == 1.0, "with the other tone it says the other word"
    assert rows["silence"]["interval"][0] > 0
    assert "The answers depend on the sound: they lose" in text
    assert "The answers do not depend on the video" in record["verdict"]["headline"]
    assert {one["condition"] for one in record["conditions"] if one["removes"] == "sound"} == {
        "silence",
        "shuffled_sound",
    }
    heard = RecordLog(run.predictions).read()
    assert {entry["sound"]["delivered_s"] for entry in heard} == {0.6}


def test_one_that_does_not_is_called_that(vidtune, taught, data, tmp_path, monkeypatch):
    monkeypatch.setitem(families._targets, "gemma3n", Deaf())
    run = predict(vidtune, taught, data, tmp_path / "run")

    probed = predict_conditions(run, run.probes / "video", names=["blank", "silence", "shuffled_sound"])
    record = score_probe(run, probed, EvaluateConfig(with_bert=False)).record

    assert {row["gain"] for name, row in rows_of(record).items() if name != "blank"} == {0.0}
    assert record["verdict"]["sentences"][0] == (
        "The answers do not depend on the sound: 100% are the same with shuffled sound, 100% are the same with silence."
    )
