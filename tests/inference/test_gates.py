"""A prediction run of a model with gates tells which ranks each clip used; another model's run tells nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.inference.conftest import make_config, write_qved
from tests.inference.gated import make_gated_adapter

from vidtune.adapters import clip_gates
from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.inference import load_for_inference, predict_dataset
from vidtune.media import SamplingConfig, read_frames

VIDEOS = [f"clip_{index}.mp4" for index in range(3)]


@pytest.fixture(scope="module")
def gated(tiny_folder: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = [read_frames(clips / name, SamplingConfig(num_frames=4)).frames_thwc for name in VIDEOS]
    return make_gated_adapter(tiny_folder, tmp_path_factory.mktemp("gated") / "adapter", frames)


def test_every_clip_has_one_record_and_pictures_lie_in_the_run(gated: Path, clips: Path, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    predict_dataset(make_config(gated, write_qved(tmp_path / "a.json", VIDEOS, num_questions=2), clips), run)

    records = RecordLog(run.gates).read()
    by_video = {record["video"]: record for record in records}
    assert sorted(record["video"] for record in records) == VIDEOS
    loaded = load_for_inference(gated)
    frames = read_frames(clips / VIDEOS[1], SamplingConfig(num_frames=4))
    expected = clip_gates(loaded.model, frames.frames_thwc, frames_per_group=2, modality_of=loaded.family.modality_of)
    assert expected is not None
    assert by_video[VIDEOS[1]]["layers"] == expected.to_record()["layers"]
    assert len({tuple(layer["frames"]) for layer in by_video[VIDEOS[1]]["layers"].values()}) > 1
    pictures = sorted(path.name for path in run.figures.glob("*.png"))
    assert len(pictures) == 4
    assert pictures[-1] == "gates.png"
    assert [name[: len("gates-clip_0")] for name in pictures[:3]] == ["gates-clip_0", "gates-clip_1", "gates-clip_2"]


def test_a_run_that_is_continued_has_each_clip_once(gated: Path, clips: Path, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    data = write_qved(tmp_path / "a.json", VIDEOS)
    config = make_config(gated, data, clips)

    def stop(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "predict" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_dataset(config.model_copy(update={"batch_size": 1}), run, stop)
    predict_dataset(config.model_copy(update={"batch_size": 1}), run)

    assert sorted(record["video"] for record in RecordLog(run.gates).read()) == VIDEOS
    assert (run.figures / "gates.png").exists()


def test_a_model_without_gates_leaves_none(tiny_folder: Path, clips: Path, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")

    predict_dataset(make_config(tiny_folder, write_qved(tmp_path / "a.json", VIDEOS[:1]), clips), run)

    assert not run.gates.exists()
    assert not run.figures.exists()
