"""Conditions: what a model is shown instead of a clip, and runs that ask everything again under each of them."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.inference import killed
from tests.inference.conftest import make_config, write_qved
from tests.media.writing import tone, write_clip, write_clip_with_sound
from tests.training import forked

from vidtune.core.durable import RecordLog
from vidtune.core.errors import BadUsage, ConfigInvalid, DataInvalid, RunMismatch
from vidtune.core.rundir import RunDirectory
from vidtune.data import Sample, Turn
from vidtune.inference import PredictConfig, predict_conditions, predict_dataset, probe_conditions
from vidtune.inference._condition import ConditionImpossible
from vidtune.media import frameset_from_array

CLIPS = [f"clip_{index}.mp4" for index in range(6)]
NAMES = ["blank", "reversed", "shuffled", "shuffled_sound", "silence", "single_frame", "text_only", "wrong_video"]


@pytest.fixture
def frames() -> Any:
    values = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1) * 40
    return frameset_from_array(np.broadcast_to(values, (6, 8, 8, 3)).copy(), fps=2.0)


def greys_of(frames: Any) -> list[int]:
    return [int(frame.mean()) for frame in frames.frames_thwc]


@pytest.fixture
def config(tiny_folder: Path, clips: Path, tmp_path: Path) -> PredictConfig:
    """Six clips with three answers; every second one is asked about twice."""
    data = write_qved(tmp_path / "test.json", CLIPS)
    records = json.loads(data.read_text())
    for index, record in enumerate(records):
        record["conversations"][1]["value"] = ("squats - good", "pushups - good", "squats - lower")[index % 3]
    data.write_text(json.dumps([*records, {**records[1], "id": "again"}]))
    return make_config(tiny_folder, data, clips)


@pytest.fixture
def run(config: PredictConfig, tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    predict_dataset(config, run)
    return run


def records_of(run: RunDirectory) -> dict[str, dict[str, Any]]:
    records = RecordLog(run.predictions).read()
    assert len({record["sample_id"] for record in records}) == len(records)
    return {record["sample_id"]: record for record in records}


def test_every_condition_says_what_it_takes_away_and_what_a_gain_means() -> None:
    assert probe_conditions.names() == NAMES
    found = [probe_conditions.get(name) for name in NAMES]
    assert {one.removes for one in found} == {"content", "order", "motion", "sound"}
    assert all(one.label and one.matters and one.matters_not for one in found)


@pytest.mark.parametrize(
    ("name", "greys", "indices"),
    [
        ("blank", [128] * 6, (0, 1, 2, 3, 4, 5)),
        ("reversed", [200, 160, 120, 80, 40, 0], (5, 4, 3, 2, 1, 0)),
        ("single_frame", [120] * 6, (3,) * 6),
    ],
)
def test_what_is_shown_has_as_many_frames_at_the_same_times(frames: Any, name: str, greys: Any, indices: Any) -> None:
    shown = probe_conditions.get(name).shown(frames)

    assert greys_of(shown) == greys
    assert shown.indices == indices
    assert shown.times_s == frames.times_s
    assert greys_of(frames) == [0, 40, 80, 120, 160, 200], "the clip itself is not changed"


def test_shuffled_frames_are_all_there_in_an_order_that_is_never_their_own() -> None:
    for seed in range(40):
        pixels = np.random.default_rng(seed).integers(0, 255, (2 + seed % 3, 4, 4, 3), dtype=np.uint8)
        clip = frameset_from_array(pixels, fps=1.0)
        shown = probe_conditions.get("shuffled").shown(clip)
        assert sorted(shown.indices) == list(clip.indices)
        assert shown.indices != clip.indices
        assert shown.indices == probe_conditions.get("shuffled").shown(clip).indices, "the same every time"


@pytest.mark.parametrize("name", ["shuffled", "reversed", "single_frame"])
def test_one_moment_has_no_order_and_is_no_silent_success(name: str) -> None:
    still = frameset_from_array(np.zeros((1, 4, 4, 3), np.uint8), fps=1.0)

    with pytest.raises(ConditionImpossible, match="is shown 1 different frame.* needs 2"):
        probe_conditions.get(name).shown(still)


def asked(number: int, video: str, answer: str, question: str = "Which?", label: str | None = None) -> Sample:
    return Sample(f"s{number}", video, (Turn("user", question), Turn("assistant", answer)), label=label)


def borrowed(samples: list[Sample]) -> Any:
    borrow = probe_conditions.get("wrong_video").borrow
    assert borrow is not None
    return borrow(samples)


def test_a_wrong_video_is_another_one_with_another_answer_to_the_same_question() -> None:
    samples = [
        asked(n, f"{n % 8}.mp4", "yes" if n % 4 else "no", question="Dye?" if n < 20 else "Tool?") for n in range(40)
    ]

    found = borrowed(samples)

    assert set(found) == {sample.sample_id for sample in samples}
    for sample in samples:
        other = found[sample.sample_id]
        assert (other.video != sample.video, other.answer != sample.answer, other.question) == (
            True,
            True,
            sample.question,
        )
    assert found == borrowed(samples[::-1]), "it does not depend on the order of the file"


def test_two_wordings_of_one_class_are_no_different_answer() -> None:
    samples = [asked(n, f"{n}.mp4", f"{'squats' if n < 3 else 'planks'}, wording {n}") for n in range(5)]
    labelled = [
        asked(n, sample.video, sample.answer, label="squats" if n < 3 else "planks") for n, sample in enumerate(samples)
    ]

    assert all(found.label != labelled[int(name[1:])].label for name, found in borrowed(labelled).items())


def test_a_window_is_borrowed_from_another_recording_where_there_is_one() -> None:
    samples = [
        replace(asked(n, "one" if n < 6 else "two", f"answer {n}"), meta={"frames": [f"{n}-{k}" for k in range(2)]})
        for n in range(8)
    ]

    assert all(found.video != samples[int(name[1:])].video for name, found in borrowed(samples).items())
    alone = borrowed(samples[:6])
    assert set(alone) == {sample.sample_id for sample in samples[:6]}
    assert all(found.sample_id != name for name, found in alone.items())


def test_where_all_answers_or_all_videos_are_the_same_there_is_no_wrong_video() -> None:
    assert borrowed([asked(n, f"{n}.mp4", "no") for n in range(4)]) == {}
    assert borrowed([asked(n, "one.mp4", f"answer {n}") for n in range(4)]) == {}


def test_a_run_is_asked_again_under_every_condition_and_its_records_say_so(
    config: PredictConfig, run: RunDirectory
) -> None:
    probed = predict_conditions(run, run.probes / "video")

    assert [one.name for one in probed.conditions] == [
        "blank",
        "text_only",
        "wrong_video",
        "reversed",
        "shuffled",
        "single_frame",
    ]
    assert probed.sample_ids == (*(f"{name}#0" for name in CLIPS), "again")
    real = records_of(run)
    for one in probed.conditions:
        records = records_of(one.run)
        assert one.reason == ""
        assert records.keys() == real.keys()
        assert {record["condition"] for record in records.values()} == {one.name}
        assert {record["status"] for record in records.values()} == {"ok"}
    wrong = records_of(probed.conditions[2].run)
    assert all(record["shown_video"] != record["video"] for record in wrong.values())
    assert wrong["clip_0.mp4#0"]["frames"]["source_sha256"] != real["clip_0.mp4#0"]["frames"]["source_sha256"]
    text_only = records_of(probed.conditions[1].run)
    assert {record["num_visual_tokens"] for record in text_only.values()} == {0}
    assert all(record["frames"] is None for record in text_only.values())
    backwards = records_of(probed.conditions[3].run)
    assert backwards["clip_1.mp4#0"]["frames"]["indices"] == real["clip_1.mp4#0"]["frames"]["indices"][::-1]


def test_a_limit_asks_the_first_samples_and_a_larger_one_goes_on_with_the_same_wrong_videos(run: RunDirectory) -> None:
    folder = run.probes / "video"
    few = predict_conditions(run, folder, names=["wrong_video"], limit=2)
    first = records_of(few.conditions[0].run)
    whole = predict_conditions(run, folder, names=["wrong_video"])
    after = records_of(whole.conditions[0].run)

    assert (few.sample_ids, len(first), len(after)) == (("clip_0.mp4#0", "clip_1.mp4#0"), 2, 7)
    assert all(after[name] == record for name, record in first.items())


def test_the_whole_probe_is_one_stage_of_progress(run: RunDirectory) -> None:
    seen: list[tuple[int, int]] = []

    def told(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "probe":
            seen.append((done, total))

    predict_conditions(run, run.probes / "video", names=["blank", "reversed"], progress=told)

    assert seen[-1] == (14, 14)
    assert seen == sorted(seen)


def test_a_condition_that_is_possible_for_no_sample_has_its_reason(config: PredictConfig, tmp_path: Path) -> None:
    one_frame = config.model_copy(update={"sampling": config.sampling.model_copy(update={"num_frames": 1})})
    run = RunDirectory(tmp_path / "one")
    predict_dataset(one_frame, run)

    probed = predict_conditions(run, run.probes / "video", names=["reversed"])

    assert "is shown 1 different frame(s) of the clip, and reversed video needs 2" in probed.conditions[0].reason


def test_sound_that_is_not_played_is_said_not_to_be_probed(config: PredictConfig, tmp_path: Path) -> None:
    records = [
        {
            "messages": [{"role": "user", "content": "Which?"}, {"role": "assistant", "content": str(index)}],
            "videos": [name],
            "audios": ["question.wav"],
        }
        for index, name in enumerate(CLIPS[:3])
    ]
    data = tmp_path / "spoken.jsonl"
    data.write_text("\n".join(json.dumps(record) for record in records))
    run = RunDirectory(tmp_path / "spoken")
    predict_dataset(config.model_copy(update={"data": config.data.model_copy(update={"path": data})}), run)

    [note] = predict_conditions(run, run.probes / "video", names=["blank"]).notes

    assert note.startswith(
        "3 of 3 samples have a sound file. The model was not given it (it does not hear, or data.sound"
    )


def test_sound_inside_the_videos_is_said_not_to_be_probed(config: PredictConfig, tmp_path: Path) -> None:
    write_clip_with_sound(tmp_path / "loud.mp4", tone(1.0, 440))
    data = write_qved(tmp_path / "loud.json", ["loud.mp4"])
    run = RunDirectory(tmp_path / "loud")
    with_sound = config.data.model_copy(update={"path": data, "videos": tmp_path})
    predict_dataset(config.model_copy(update={"data": with_sound}), run)

    notes = predict_conditions(run, run.probes / "video", names=["blank"]).notes

    assert notes == (
        "The videos have sound. The model was not given it (it does not hear, or data.sound leaves it out), so silence "
        "and shuffled sound could not be probed.",
    )


def test_a_probe_of_other_data_than_the_run_was_predicted_on_is_refused(
    config: PredictConfig, run: RunDirectory
) -> None:
    write_qved(config.data.path, CLIPS)

    with pytest.raises(RunMismatch, match="other data"):
        predict_conditions(run, run.probes / "video", names=["blank"])


def test_answers_of_a_probe_from_before_the_run_was_made_anew_are_refused(
    config: PredictConfig, run: RunDirectory
) -> None:
    predict_conditions(run, run.probes / "video", names=["blank"])
    run.predictions.unlink()
    records = json.loads(config.data.path.read_text())
    config.data.path.write_text(json.dumps(records, indent=1))
    predict_dataset(config, run)

    with pytest.raises(RunMismatch, match=r"blank was predicted with other weights or data than .*run\."):
        predict_conditions(run, run.probes / "video", names=["blank"])


def test_a_probe_of_a_probe_and_a_run_without_a_recipe_are_refused(run: RunDirectory) -> None:
    predict_conditions(run, run.probes / "video", names=["blank"])

    with pytest.raises(BadUsage, match="was itself predicted under the condition 'blank'"):
        predict_conditions(RunDirectory(run.probes / "video" / "blank"), run.probes / "x")
    with pytest.raises(BadUsage, match="Unknown condition 'blnak'. Did you mean 'blank'"):
        predict_conditions(run, run.probes / "video", names=["blnak"])
    run.recipe.unlink()
    with pytest.raises(DataInvalid, match=r"has no recipe\.yaml"):
        predict_conditions(run, run.probes / "video")


def test_a_recipe_with_a_condition_that_there_is_not_is_refused(config: PredictConfig, tmp_path: Path) -> None:
    from vidtune.config import build_config

    with pytest.raises(ConfigInvalid, match="no such condition; known: blank, reversed"):
        build_config(PredictConfig, {**config.model_dump(), "condition": "blnak"}, source="test")


def test_a_run_is_not_continued_under_another_condition(config: PredictConfig, run: RunDirectory) -> None:
    with pytest.raises(RunMismatch, match="condition was None and is now 'blank'"):
        predict_dataset(config.model_copy(update={"condition": "blank"}), run)


def test_a_video_that_cannot_be_read_is_an_error_under_conditions_too(
    config: PredictConfig, tmp_path: Path, clips: Path
) -> None:
    videos = tmp_path / "videos"
    write_clip(videos / "good.mp4")
    (videos / "bad.mp4").write_text("not a video")
    data = write_qved(tmp_path / "two.json", ["good.mp4", "bad.mp4"])
    run = RunDirectory(tmp_path / "two")
    predict_dataset(
        config.model_copy(update={"data": config.data.model_copy(update={"path": data, "videos": videos})}), run
    )

    probed = predict_conditions(run, run.probes / "video", names=["blank", "wrong_video"])

    blank, wrong = (records_of(one.run) for one in probed.conditions)
    assert blank["bad.mp4#0"]["error"]["code"] == "video_unreadable"
    assert blank["good.mp4#0"]["status"] == "ok"
    assert {record["error"]["code"] for record in wrong.values()} == {"condition_impossible"}, "one answer only"


def test_a_killed_probe_goes_on_with_nothing_lost_or_asked_twice(run: RunDirectory, tmp_path: Path) -> None:
    assert forked.run(killed.probe, run.path, 10) == -signal.SIGKILL
    begun = RunDirectory(run.probes / "video" / "reversed")
    before = begun.predictions.read_bytes()
    assert 0 < len(records_of(begun)) < 7

    probed = predict_conditions(run, run.probes / "video", names=["blank", "reversed"])
    whole = predict_conditions(run, tmp_path / "whole", names=["blank", "reversed"])

    assert begun.predictions.read_bytes().startswith(before)
    for one, other in zip(probed.conditions, whole.conditions, strict=True):
        mine, theirs = records_of(one.run), records_of(other.run)
        assert {name: record["prediction"] for name, record in mine.items()} == {
            name: record["prediction"] for name, record in theirs.items()
        }
