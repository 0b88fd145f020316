"""A prediction run: every sample one record, whatever happens to its video, to memory or to the process."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.inference import killed
from tests.inference.conftest import make_config, write_qved
from tests.inference.test_generate import OutOfMemoryAbove
from tests.media.writing import cut_file, write_audio_only, write_clip, write_without_frames
from tests.training import forked

from vidtune.config import CacheConfig
from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import DataInvalid, DiskFull, ModelUnavailable, RunCorrupt, RunLocked, RunMismatch
from vidtune.core.locking import RunLock
from vidtune.core.rundir import RunDirectory
from vidtune.inference import PredictConfig, predict_dataset
from vidtune.inference import _predict as predict_module
from vidtune.inference._decode import Decoder
from vidtune.media import SamplingConfig

ALL_CLIPS = [f"clip_{index}.mp4" for index in range(8)]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


@pytest.fixture
def config(tiny_folder: Path, clips: Path, tmp_path: Path) -> PredictConfig:
    return make_config(tiny_folder, write_qved(tmp_path / "test.json", ALL_CLIPS, num_questions=2), clips)


def records_of(run: RunDirectory) -> dict[str, dict[str, Any]]:
    records = RecordLog(run.predictions).read()
    by_id = {record["sample_id"]: record for record in records}
    assert len(by_id) == len(records), "a sample has two records"
    return by_id


def answers_of(run: RunDirectory) -> dict[str, Any]:
    """Return what must not depend on how a run was cut into attempts and batches."""
    return {
        sample_id: {
            **{key: record[key] for key in ("status", "prediction", "error", "frames", "num_new_tokens")},
            "mean_logprob": pytest.approx(record["mean_logprob"], abs=1e-5),
        }
        for sample_id, record in records_of(run).items()
    }


def test_a_run_answers_every_sample_and_says_what_the_model_saw(config: PredictConfig, run: RunDirectory) -> None:
    summary = predict_dataset(config, run)

    records = records_of(run)
    assert (summary.num_samples, summary.num_ok, summary.num_errors) == (16, 16, 0)
    assert set(records) == {f"{name}#{index}" for name in ALL_CLIPS for index in range(2)}
    record = records["clip_6.mp4#1"]
    assert record["question"] == "What?"
    assert record["answer"] == "squats - the knees move inwards"
    assert record["split"] == "test"
    assert record["frames"]["requested"] == record["frames"]["delivered"] == 4
    assert record["frames"]["indices"] == [0, 1, 1, 2]
    assert record["frames"]["padded"] == 1
    assert record["num_new_tokens"] == 6
    assert record["finish_reason"] == "length"
    assert set(record["timings_s"]) == {"read", "preprocess", "generate", "total"}
    assert record["num_prompt_tokens"] > record["num_visual_tokens"] > 0


@pytest.mark.parametrize(("batch_size", "is_mixed", "num_read"), [(32, False, 8), (6, False, 3), (32, True, 12)])
def test_the_model_begins_before_all_clips_are_read_and_keeps_questions_about_a_clip_together(
    batch_size: int,
    is_mixed: bool,
    num_read: int,
    tiny_folder: Path,
    clips: Path,
    tmp_path: Path,
    run: RunDirectory,
    monkeypatch: Any,
) -> None:
    names = [shutil.copy(clips / f"clip_{index % 8}.mp4", tmp_path / f"{index:02}.mp4").name for index in range(12)]
    data = write_qved(tmp_path / "test.json", names, num_questions=2)
    if is_mixed:  # the first question about every clip, then the second
        data.write_text(json.dumps(sorted(json.loads(data.read_text()), key=lambda record: record["id"][-1])))
    config = make_config(tiny_folder, data, tmp_path, batch_size=batch_size)
    read: list[str] = []
    asked: list[tuple[int, list[str]]] = []
    read_ahead, join = predict_module.read_ahead, Decoder.join

    def noting_clips(*args: Any, **options: Any) -> Iterator[Any]:
        for clip in read_ahead(*args, **options):
            read.append(clip.sample.video)
            yield clip

    def noting_questions(decoder: Decoder, prompts: Any, keys: Any) -> Any:
        asked.append((len(set(read)), list(keys)))
        return join(decoder, prompts, keys)

    monkeypatch.setattr(predict_module, "read_ahead", noting_clips)
    monkeypatch.setattr(Decoder, "join", noting_questions)
    predict_dataset(config, run)

    assert asked[0][0] == num_read
    assert all(keys.count(f"{name}#0") == keys.count(f"{name}#1") for _, keys in asked for name in names)
    assert len(records_of(run)) == 24


def test_of_a_recording_the_part_is_shown_about_which_something_is_asked(
    tiny_folder: Path, tmp_path: Path, run: RunDirectory
) -> None:
    write_clip(tmp_path / "long.mp4", num_frames=40)  # 4 s
    data = write_qved(tmp_path / "test.json", ["long.mp4"], num_questions=3)
    parts = [{"video_end_s": 1.0}, {"video_start_s": 2.0, "video_end_s": 3.0}, {"video_start_s": 5.0}]
    records = [{**record, **part} for record, part in zip(json.loads(data.read_text()), parts, strict=True)]
    data.write_text(json.dumps(records))

    predict_dataset(make_config(tiny_folder, data, tmp_path, save_strips=True), run)

    first, second, outside = (records_of(run)[f"long.mp4#{index}"] for index in range(3))
    assert first["frames"]["indices"] == [1, 3, 6, 8]
    assert second["frames"]["indices"] == [21, 23, 26, 28]
    assert (second["frames"]["start_s"], second["frames"]["end_s"]) == (2.0, 3.0)
    assert second["frames"]["coverage"] == pytest.approx(1.0)
    assert first["strip"] != second["strip"]
    assert outside["error"]["code"] == "video_empty"


def test_what_a_checkpoint_asks_for_and_does_not_get_is_told(
    config: PredictConfig, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    settings = folder / "generation_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "repetition_penalty": 1.05}))
    base = config.model_dump()
    plain, followed = (
        PredictConfig.model_validate(
            {
                **base,
                "model": {"source": str(folder)},
                "generation": {"max_new_tokens": 2, "repetition_penalty": penalty},
            }
        )
        for penalty in (1.0, 1.05)
    )

    (note,) = predict_dataset(plain, RunDirectory(tmp_path / "plain")).notes

    assert "asks for repetition_penalty=1.05, which is not used; generation.repetition_penalty sets the first" in note
    assert predict_dataset(followed, RunDirectory(tmp_path / "followed")).notes == ()


def test_the_recipe_and_the_environment_are_in_the_run(config: PredictConfig, run: RunDirectory) -> None:
    predict_dataset(config, run)

    assert PredictConfig.model_validate(yaml.safe_load(run.recipe.read_text())) == config
    environment = read_json(run.environment)
    assert environment["device"] == "cpu"
    assert set(environment["inputs"]) == {"data", "adapter", "model"}
    assert environment["packages"]["torch"].startswith("2.")
    assert environment["num_parameters"] > 10_000
    assert environment["peak_memory_bytes"] > 2**27


def test_the_qved_file_holds_both_published_layouts_in_the_order_of_the_data(
    config: PredictConfig, run: RunDirectory, clips: Path
) -> None:
    data = config.data.path
    write_qved(data, ["nowhere.mp4", *ALL_CLIPS])

    predict_dataset(config, run)

    predictions = json.loads(run.predictions_compat.read_text())
    assert [entry["video_path"] for entry in predictions] == ["nowhere.mp4", *ALL_CLIPS]
    failed, good = predictions[:2]
    assert (failed["status"], failed["prediction"]) == ("error", "")
    assert failed["error"].startswith("video_missing: ")
    assert good["status"] == "success"
    assert good["question"] == good["prompt"] == "Which exercise is this?"
    assert good["ground_truth"] == "squats - the knees move inwards"
    assert good["generated_tokens"] == 6
    assert good["tokens_per_second"] == pytest.approx(6 / good["generation_time"], rel=1e-3)


def test_every_kind_of_bad_video_becomes_a_named_error_and_the_rest_are_answered(
    tiny_folder: Path, tmp_path: Path, run: RunDirectory
) -> None:
    videos = tmp_path / "videos"
    write_clip(videos / "good.mp4")
    write_clip(videos / "also_good.mp4", seed=1)
    (videos / "empty.mp4").touch()
    (videos / "text.mp4").write_text("not a video")
    cut_file(videos / "good.mp4", videos / "truncated.mp4", 0.5)
    write_audio_only(videos / "audio.mp4")
    write_without_frames(videos / "no_frames.mp4")
    names = ["empty", "good", "text", "truncated", "audio", "also_good", "no_frames", "nowhere"]
    data = write_qved(tmp_path / "test.json", [f"{name}.mp4" for name in names])

    summary = predict_dataset(make_config(tiny_folder, data, videos), run)

    codes = {
        sample_id.removesuffix(".mp4#0"): record["error"]["code"] if record["error"] else record["status"]
        for sample_id, record in records_of(run).items()
    }
    assert codes == {
        "good": "ok",
        "also_good": "ok",
        "empty": "video_empty",
        "text": "video_unreadable",
        "truncated": "video_unreadable",
        "audio": "video_unreadable",
        "no_frames": "video_empty",
        "nowhere": "video_missing",
    }
    assert summary.errors_by_code == {"video_empty": 2, "video_unreadable": 3, "video_missing": 1}
    assert all(record["prediction"] is None for record in records_of(run).values() if record["status"] == "error")


def test_a_clip_that_takes_too_long_is_an_error_that_can_be_tried_again(
    tiny_folder: Path, clips: Path, tmp_path: Path, run: RunDirectory
) -> None:
    # Few clips: each costs its decoder, and another one is started.
    config = make_config(tiny_folder, write_qved(tmp_path / "test.json", ALL_CLIPS[:3], num_questions=2), clips)
    hasty = config.model_copy(update={"limits": config.limits.model_copy(update={"timeout_s": 1e-6})})
    assert predict_dataset(hasty, run).errors_by_code == {"video_timeout": 6}
    assert predict_dataset(config, run).errors_by_code == {"video_timeout": 6}, "errors are not retried unasked"

    summary = predict_dataset(config.model_copy(update={"retry": "temporary"}), run)

    assert (summary.num_ok, summary.num_errors) == (6, 0)
    assert len(records_of(run)) == 6


def test_questions_without_answers_are_predicted_and_their_records_say_that_there_is_no_reference(
    tiny_folder: Path, clips: Path, tmp_path: Path, run: RunDirectory
) -> None:
    data = write_qved(tmp_path / "test.json", ALL_CLIPS[:3])
    entries = json.loads(data.read_text())
    del entries[0]["conversations"][1]
    entries[1]["conversations"][1]["value"] = ""
    data.write_text(json.dumps(entries))

    summary = predict_dataset(make_config(tiny_folder, data, clips), run)

    records = records_of(run)
    assert [record["answer"] for record in records.values()].count(None) == 2
    assert {record["status"] for record in records.values()} == {"ok"}
    assert records["clip_2.mp4#0"]["answer"] == "squats - the knees move inwards"
    assert summary.notes == ("2 of 3 samples have no reference answer: they cannot be evaluated.",)
    assert [entry["ground_truth"] for entry in json.loads(run.predictions_compat.read_text())][:2] == ["", ""]


def test_a_run_notes_how_many_samples_it_is_to_have_before_the_first_of_them(
    config: PredictConfig, run: RunDirectory
) -> None:
    def stop(stage: str, done: int, total: int, note: str = "") -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_dataset(config, run, progress=stop)
    assert read_json(run.environment)["num_expected"] == 16
    assert len(records_of(run)) < 16

    assert predict_dataset(config, run).num_expected == 16
    assert read_json(run.environment)["num_expected"] == 16


def test_what_is_expected_follows_the_limit_and_never_forgets_what_is_there(
    config: PredictConfig, run: RunDirectory
) -> None:
    def limited_to(limit: int | None) -> int:
        data = config.data.model_copy(update={"limit": limit})
        predict_dataset(config.model_copy(update={"data": data}), run)
        return int(read_json(run.environment)["num_expected"])

    assert [limited_to(limit) for limit in (4, 9, 2, None)] == [4, 9, 9, 16]


def test_only_temporary_errors_are_tried_again_unless_all_are_wanted(
    tiny_folder: Path, clips: Path, tmp_path: Path, run: RunDirectory
) -> None:
    videos = tmp_path / "videos"
    shutil.copytree(clips, videos)
    data = write_qved(tmp_path / "test.json", ["late.mp4", "clip_0.mp4"])
    config = make_config(tiny_folder, data, videos)
    predict_dataset(config, run)
    write_clip(videos / "late.mp4")

    temporary = predict_dataset(config.model_copy(update={"retry": "temporary"}), run)
    everything = predict_dataset(config.model_copy(update={"retry": "all"}), run)

    assert temporary.errors_by_code == {"video_missing": 1}
    assert (everything.num_ok, everything.num_errors) == (2, 0)
    assert len(records_of(run)) == 2


def test_strips_show_each_clip_once_and_are_named_in_the_record(config: PredictConfig, run: RunDirectory) -> None:
    predict_dataset(config.model_copy(update={"save_strips": True}), run)

    records = records_of(run)
    assert records["clip_0.mp4#0"]["strip"] == records["clip_0.mp4#1"]["strip"]
    assert all((run.path / record["strip"]).stat().st_size > 200 for record in records.values())
    assert len(list(run.strips.iterdir())) == 8


def test_a_finished_run_is_not_asked_again(config: PredictConfig, run: RunDirectory) -> None:
    predict_dataset(config, run)
    before = run.predictions.read_bytes()

    summary = predict_dataset(config, run)

    assert run.predictions.read_bytes() == before
    assert (summary.num_done_before, summary.num_new, summary.batch_size) == (16, 0, None)


def test_a_larger_limit_continues_where_the_smaller_one_ended(config: PredictConfig, run: RunDirectory) -> None:
    first = predict_dataset(config.model_copy(update={"data": config.data.model_copy(update={"limit": 5})}), run)

    second = predict_dataset(config, run)

    assert (first.num_samples, second.num_done_before, second.num_samples) == (5, 5, 16)


def test_progress_counts_up_to_all_samples(config: PredictConfig, run: RunDirectory) -> None:
    seen: list[tuple[str, int, int]] = []

    predict_dataset(config, run, progress=lambda stage, done, total, note="": seen.append((stage, done, total)))

    # An ETA that counts from before the model is loaded is wrong.
    assert seen[:3] == [("load model", 0, 1), ("load model", 1, 1), ("predict", 0, 16)]
    assert seen[-1] == ("predict", 16, 16)
    assert [done for _, done, _ in seen[2:]] == sorted(done for _, done, _ in seen[2:])
    assert {stage for stage, *_ in seen[2:]} == {"predict"}


def write_recipe(config: PredictConfig, path: Path) -> Path:
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    return path


@pytest.mark.parametrize("kills", [(7,), pytest.param((2, 4, 10, 13), marks=pytest.mark.slow)])
def test_a_killed_run_resumes_with_nothing_lost_or_asked_twice(
    config: PredictConfig, run: RunDirectory, tmp_path: Path, kills: tuple[int, ...]
) -> None:
    recipe = write_recipe(config, tmp_path / "recipe.yaml")
    whole = RunDirectory(tmp_path / "whole")
    predict_dataset(config, whole)

    num_records = 0
    for kill_at in kills:
        assert forked.run(killed.predict, recipe, run.path, kill_at) == -signal.SIGKILL
        num_records, num_before = len(records_of(run)), num_records
        assert num_before < num_records < 16
    summary = predict_dataset(config, run)

    assert summary.num_done_before == num_records
    assert answers_of(run) == answers_of(whole)


def test_a_record_that_was_torn_while_being_written_is_written_again(
    config: PredictConfig, run: RunDirectory, tmp_path: Path
) -> None:
    predict_dataset(config, run)
    expected = answers_of(run)
    data = run.predictions.read_bytes()
    last_line = len(data.splitlines()[-1])

    for num_cut in (1, last_line // 2, last_line):
        run.predictions.write_bytes(data[:-num_cut])
        summary = predict_dataset(config, run)

        assert summary.num_done_before == 15
        assert answers_of(run) == expected


def test_a_damaged_record_in_the_middle_stops_the_run_by_name(config: PredictConfig, run: RunDirectory) -> None:
    predict_dataset(config, run)
    run.predictions.write_text(run.predictions.read_text().replace("knees", "kness", 1))

    with pytest.raises(RunCorrupt, match="line 1 of 16 fails its checksum"):
        predict_dataset(config, run)


def test_a_run_stopped_by_hand_can_be_resumed(config: PredictConfig, run: RunDirectory) -> None:
    def stop(stage: str, done: int, total: int, note: str = "") -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_dataset(config, run, progress=stop)

    assert predict_dataset(config, run).num_done_before >= 6
    assert len(records_of(run)) == 16


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"generation": {"max_new_tokens": 7}}, "generation.max_new_tokens was 6 and is now 7"),
        ({"sampling": {"num_frames": 5}}, "sampling.num_frames was 4 and is now 5"),
        ({"max_side_px": 64}, "max_side_px was None and is now 64"),
    ],
)
def test_a_run_of_other_settings_is_refused_with_the_difference(
    config: PredictConfig, run: RunDirectory, settings: dict[str, Any], message: str
) -> None:
    predict_dataset(config, run)
    before = run.recipe.read_bytes()

    with pytest.raises(RunMismatch, match=message):
        predict_dataset(PredictConfig.model_validate({**config.model_dump(), **settings}), run)

    assert run.recipe.read_bytes() == before


def test_settings_that_change_no_answer_may_change(config: PredictConfig, run: RunDirectory) -> None:
    predict_dataset(config.model_copy(update={"data": config.data.model_copy(update={"limit": 4})}), run)

    summary = predict_dataset(config.model_copy(update={"batch_size": 1, "num_readers": 2}), run)

    assert summary.num_samples == 16


def test_frames_kept_on_disk_are_read_once_and_change_no_answer(
    config: PredictConfig, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_dataset(config, run)
    keeping = CacheConfig(enabled=True, folder=tmp_path / "cache")
    first, second = RunDirectory(tmp_path / "first"), RunDirectory(tmp_path / "second")
    predict_dataset(config.model_copy(update={"frame_cache": keeping}), first)
    monkeypatch.setattr("vidtune.media._read.opened_clip", None)  # no clip may be opened any more

    predict_dataset(config.model_copy(update={"frame_cache": keeping}), second)

    assert answers_of(run) == answers_of(first) == answers_of(second)


def test_a_selector_that_goes_by_the_question_is_told_it(config: PredictConfig, run: RunDirectory) -> None:
    by_question = SamplingConfig(kind="topk", num_frames=2)

    predict_dataset(config.model_copy(update={"sampling": by_question}), run)

    # Without weights only names of colours can be looked for, and the error says for what it was asked to look.
    problems = [record["error"]["problem"] for record in records_of(run).values()]
    assert all("cannot tell which frames '" in problem for problem in problems)


def test_data_that_changed_under_an_unfinished_run_is_noticed(config: PredictConfig, run: RunDirectory) -> None:
    predict_dataset(config.model_copy(update={"data": config.data.model_copy(update={"limit": 4})}), run)
    write_qved(config.data.path, ALL_CLIPS, num_questions=3)

    with pytest.raises(RunMismatch, match="other data: the content has changed"):
        predict_dataset(config, run)


def test_a_training_run_is_not_written_into(config: PredictConfig, run: RunDirectory) -> None:
    run.checkpoints.mkdir(parents=True)

    with pytest.raises(RunMismatch, match="holds a training run"):
        predict_dataset(config, run)


def test_a_second_process_on_the_same_run_is_refused(config: PredictConfig, run: RunDirectory) -> None:
    with RunLock(run.path), pytest.raises(RunLocked, match="is being written by"):
        predict_dataset(config, run)


def test_a_wrong_video_folder_is_found_before_the_model_is_looked_for(
    config: PredictConfig, run: RunDirectory, tmp_path: Path
) -> None:
    values = {**config.model_dump(), "model": {"source": "no-such/model"}}
    missing = {**values, "data": {"path": config.data.path, "videos": tmp_path / "nowhere"}}
    (tmp_path / "other").mkdir()
    other = {**values, "data": {"path": config.data.path, "videos": tmp_path / "other"}}

    with pytest.raises(DataInvalid, match="the video folder .* is not there, found nothing"):
        predict_dataset(PredictConfig.model_validate(missing), run)
    with pytest.raises(DataInvalid, match="none of the 16 videos"):
        predict_dataset(PredictConfig.model_validate(other), run)
    assert not run.path.exists()


def test_a_model_that_is_not_there_is_named(config: PredictConfig, run: RunDirectory, tmp_path: Path) -> None:
    values = {**config.model_dump(), "model": {"source": str(tmp_path / "no_model")}}

    with pytest.raises(ModelUnavailable):
        predict_dataset(PredictConfig.model_validate(values), run)


def test_showing_a_tuned_model_other_frames_than_in_training_is_said(
    config: PredictConfig, run: RunDirectory, tiny_folder: Path, tmp_path: Path
) -> None:
    training = RunDirectory(tmp_path / "training")
    shutil.copytree(tiny_folder, training.best)
    training.recipe.write_text(yaml.safe_dump({"sampling": {"kind": "uniform", "num_frames": 8}, "max_side_px": None}))
    values = {**config.model_dump(), "model": {"source": str(training.path)}}

    summary = predict_dataset(PredictConfig.model_validate(values), run)

    assert summary.notes == ("sampling.num_frames was 8 in training and is 4 here.",)
    assert "note: sampling.num_frames was 8" in summary.to_text()


def test_torch_gets_the_cores_that_the_readers_leave_and_all_of_them_back(
    config: PredictConfig, run: RunDirectory
) -> None:
    seen: list[int] = []

    predict_dataset(
        config.model_copy(update={"num_threads": 2}),
        run,
        progress=lambda stage, done, total, note="": seen.append(torch.get_num_threads()),
    )

    assert seen[-1] == 2
    assert torch.get_num_threads() == 1


def test_a_disk_that_cannot_hold_the_run_is_found_at_the_start(
    config: PredictConfig, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 99, 1))  # type: ignore[attr-defined]

    with pytest.raises(DiskFull, match=r"needs about 65,536 bytes for 16 samples and 1 are free"):
        predict_dataset(config, run)


@contextmanager
def memory_for(max_rows: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put an allocator with little room behind the model that the run loads."""
    load = predict_module.load_configured

    def load_and_limit(*args: Any, **kwargs: Any) -> Any:
        loaded = load(*args, **kwargs)
        loaded.model.forward = OutOfMemoryAbove(loaded.model, max_rows, "CUDA out of memory.")
        return loaded

    monkeypatch.setattr(predict_module, "load_configured", load_and_limit)
    yield
    monkeypatch.setattr(predict_module, "load_configured", load)


def test_short_memory_makes_batches_smaller_and_changes_no_answer(
    config: PredictConfig, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = RunDirectory(tmp_path / "whole")
    predict_dataset(config, whole)

    with memory_for(2, monkeypatch):
        summary = predict_dataset(config.model_copy(update={"batch_size": 8}), run)

    assert answers_of(run) == answers_of(whole)
    assert summary.batch_size == 2
    assert {record["batch_size"] for record in records_of(run).values()} <= {1, 2}


def test_a_sample_that_fits_no_memory_is_an_error_and_the_run_ends(
    config: PredictConfig, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config.model_copy(update={"data": config.data.model_copy(update={"limit": 3})})

    with memory_for(0, monkeypatch):
        summary = predict_dataset(config, run)
    retried = predict_dataset(config.model_copy(update={"retry": "temporary"}), run)

    assert summary.errors_by_code == {"out_of_memory": 3}
    assert (retried.num_ok, retried.num_errors) == (3, 0)


def test_one_prompt_that_is_too_long_is_an_error_of_its_own(
    tiny_folder: Path, clips: Path, tmp_path: Path, run: RunDirectory
) -> None:
    data = write_qved(tmp_path / "test.json", ALL_CLIPS)
    entries = json.loads(data.read_text())
    entries[3]["conversations"][0]["value"] = "why " * 3000
    data.write_text(json.dumps(entries))

    summary = predict_dataset(make_config(tiny_folder, data, clips), run)

    assert summary.errors_by_code == {"video_too_large": 1}
    assert records_of(run)["clip_3.mp4#0"]["error"]["code"] == "video_too_large"
    assert summary.num_ok == 7
