"""Predictions by a model that hears: what reaches it, what the records say, and what becomes of sound that is bad."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.inference.conftest import make_config
from tests.inference.spoken import HEARD_S, write_loud_clips, write_spoken
from tests.media.writing import tone, write_sound
from tests.models.families.tiny_gemma3n import make_tiny_folder

from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.inference import ModelConfig, PredictConfig, PredictSummary, predict_conditions, predict_dataset
from vidtune.inference._loading import load_configured
from vidtune.models import LoadedModel


@pytest.fixture(scope="module")
def hearing_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_folder(tmp_path_factory.mktemp("models") / "gemma3n")


@pytest.fixture
def spoken(hearing_folder: Path, tmp_path: Path) -> PredictConfig:
    data = write_spoken(tmp_path)
    return make_config(hearing_folder, data, tmp_path, sampling={"num_frames": 1}, generation={"max_new_tokens": 2})


@cache
def load(model: ModelConfig) -> LoadedModel:
    """Load it once for all tests: it has a thousand small layers and takes longer than the answers."""
    return load_configured(model)


def answered(config: PredictConfig, path: Path) -> tuple[PredictSummary, dict[str, dict[str, Any]]]:
    run = RunDirectory(path)
    summary = predict_dataset(config, run, load=lambda: load(config.model))
    return summary, {record["sample_id"]: record for record in RecordLog(run.predictions).read()}


def with_sound(config: PredictConfig, sound: str) -> PredictConfig:
    return config.model_copy(update={"data": config.data.model_copy(update={"sound": sound})})


def test_a_sound_that_a_sample_names_is_heard_and_the_record_says_how_long(
    spoken: PredictConfig, tmp_path: Path
) -> None:
    write_sound(tmp_path / "sound_1.wav", tone(2.0, 2500))
    write_sound(tmp_path / "sound_2.wav", tone(0.25, 300))

    summary, records = answered(spoken, tmp_path / "run")
    _, deaf = answered(with_sound(spoken, "none"), tmp_path / "deaf")

    assert [records[f"s{index}"]["status"] for index in range(4)] == ["ok"] * 4
    heard = [(records[f"s{index}"]["sound"][key]) for index in range(4) for key in ("requested_s", "delivered_s")]
    assert heard == [0.6, 0.6, 2.0, HEARD_S, 0.25, 0.25, 0.6, 0.6]
    assert any("4 of 4 samples were heard, 2.1 s in all; of 1 there was more" in note for note in summary.notes)
    assert all("sound" not in record for record in deaf.values())
    for name, record in records.items():
        # Four tokens, and a mark with two line breaks on either side.
        assert record["num_prompt_tokens"] > deaf[name]["num_prompt_tokens"] + 4
        assert record["num_visual_tokens"] == deaf[name]["num_visual_tokens"] == 16
        assert record["mean_logprob"] != deaf[name]["mean_logprob"]


def test_the_answer_depends_on_the_sound_and_not_on_the_batch(spoken: PredictConfig, tmp_path: Path) -> None:
    _, together = answered(spoken.model_copy(update={"batch_size": 4}), tmp_path / "together")
    _, alone = answered(spoken.model_copy(update={"batch_size": 1}), tmp_path / "alone")

    for name, record in together.items():
        assert record["prediction"] == alone[name]["prediction"]
        assert record["mean_logprob"] == pytest.approx(alone[name]["mean_logprob"], abs=1e-4)
    same_clip = together["s0"]["mean_logprob"], together["s1"]["mean_logprob"]
    assert abs(same_clip[0] - same_clip[1]) > 1e-3, "one clip and one question, and another sound"


def test_the_track_of_the_clip_is_heard_when_the_recipe_says_so(hearing_folder: Path, tmp_path: Path) -> None:
    config = make_config(
        hearing_folder,
        write_loud_clips(tmp_path),
        tmp_path,
        sampling={"num_frames": 1},
        generation={"max_new_tokens": 2},
    )

    _, quiet = answered(config, tmp_path / "quiet")
    summary, records = answered(with_sound(config, "clip"), tmp_path / "run")

    assert all("sound" not in record for record in quiet.values())
    assert [records[f"l{index}"]["status"] for index in range(3)] == ["ok"] * 3
    assert [records[f"l{index}"].get("sound", {}).get("delivered_s") for index in range(3)] == [
        pytest.approx(0.576, abs=0.08),
        HEARD_S,
        None,
    ]
    assert any("2 of 3 samples were heard" in note for note in summary.notes)


def test_sound_that_is_missing_or_bad_is_the_error_of_its_sample_and_of_no_other(
    spoken: PredictConfig, tmp_path: Path
) -> None:
    (tmp_path / "sound_0.wav").unlink()
    (tmp_path / "sound_2.wav").write_text("no sound at all")

    summary, records = answered(spoken, tmp_path / "run")

    assert {name: (record["error"] or {}).get("code") for name, record in records.items()} == {
        "s0": "sound_missing",
        "s1": None,
        "s2": "sound_unreadable",
        "s3": None,
    }
    assert "the sound file 'sound_0.wav' of s0 was not found: looked at" in records["s0"]["error"]["problem"]
    assert records["s2"]["prediction"] is None
    assert summary.errors_by_code == {"sound_missing": 1, "sound_unreadable": 1}


def test_a_run_goes_on_with_the_same_sounds_and_not_with_others(spoken: PredictConfig, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    _, whole = answered(spoken, tmp_path / "whole")
    answered(spoken.model_copy(update={"data": spoken.data.model_copy(update={"limit": 2})}), run.path)

    _, records = answered(spoken, run.path)

    assert {name: record["sound"] for name, record in records.items()} == {
        name: record["sound"] for name, record in whole.items()
    }
    from vidtune.core.errors import RunMismatch

    with pytest.raises(RunMismatch, match="data.sound was 'named' and is now 'none'"):
        predict_dataset(with_sound(spoken, "none"), run)


def test_a_model_that_does_not_hear_says_so_once_and_answers(
    spoken: PredictConfig, tiny_folder: Path, tmp_path: Path
) -> None:
    deaf = spoken.model_copy(update={"model": spoken.model.model_copy(update={"source": str(tiny_folder)})})
    (tmp_path / "sound_0.wav").unlink()

    summary, records = answered(deaf, tmp_path / "run")

    assert {record["status"] for record in records.values()} == {"ok"}
    assert [note for note in summary.notes if "sound" in note] == [
        "4 of 4 samples have a sound file, which was not played."
    ]


def test_conditions_of_the_sound_leave_the_frames_and_those_of_the_frames_the_sound(
    spoken: PredictConfig, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "run")
    _, real = answered(spoken, run.path)
    wanted = ["blank", "text_only", "wrong_video", "shuffled_sound", "silence"]

    probed = predict_conditions(run, run.probes / "video", names=wanted)

    found = {
        one.name: {record["sample_id"]: record for record in RecordLog(one.run.predictions).read()}
        for one in probed.conditions
    }
    assert list(found) == wanted
    for name, record in real.items():
        assert found["blank"][name]["sound"] == found["wrong_video"][name]["sound"] == record["sound"]
        assert "sound" not in found["text_only"][name]
        assert found["silence"][name]["sound"] == record["sound"], "as long, from the same file"
        assert found["silence"][name]["frames"] == found["shuffled_sound"][name]["frames"] == record["frames"]
        assert found["silence"][name]["mean_logprob"] != record["mean_logprob"]
        other = found["shuffled_sound"][name]
        assert real[other["heard_sample"]]["answer"] != record["answer"]
        assert other["sound"]["source_sha256"] == real[other["heard_sample"]]["sound"]["source_sha256"]
    assert probed.notes == (
        "Conditions of the video leave the sound as it is, those of the sound the video; text only has neither.",
    )


def test_sound_is_probed_where_some_was_heard_and_samples_without_it_are_counted_out(
    hearing_folder: Path, tmp_path: Path
) -> None:
    data = write_spoken(tmp_path)
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    del lines[0]["audios"]
    data.write_text("\n".join(json.dumps(line) for line in lines))
    config = make_config(hearing_folder, data, tmp_path, sampling={"num_frames": 2}, generation={"max_new_tokens": 1})
    run, quiet = RunDirectory(tmp_path / "run"), RunDirectory(tmp_path / "quiet")
    answered(config, run.path)
    answered(with_sound(config, "none"), quiet.path)

    probed = predict_conditions(run, run.probes / "video")
    unheard = predict_conditions(quiet, quiet.probes / "video", names=["silence"])

    assert [one.name for one in probed.conditions][-2:] == ["shuffled_sound", "silence"]
    silent = {record["sample_id"]: record for record in RecordLog(probed.conditions[-1].run.predictions).read()}
    assert silent["s0"]["error"]["code"] == "condition_impossible"
    assert [silent[f"s{index}"]["status"] for index in (1, 2, 3)] == ["ok"] * 3
    assert unheard.conditions[0].reason == "no sample of the run was heard"
