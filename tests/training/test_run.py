import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.tiny import make_tiny_folder
from transformers import PreTrainedTokenizerFast

from vidtune.core.durable import RecordLog
from vidtune.core.errors import (
    BadUsage,
    ConfigInvalid,
    DataInvalid,
    ModelUnavailable,
    OutOfMemory,
    RunCorrupt,
    RunLocked,
    RunMismatch,
    VidtuneError,
)
from vidtune.core.locking import RunLock
from vidtune.core.rundir import RunDirectory
from vidtune.training import LossNotFinite, ModelCollapsed, TooManyDropped, TrainingHung, read_history, train
from vidtune.training._loss import supervised_loss_sum

from .conftest import make_sample


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


def held_out(clips, **evaluation):
    return {"eval_data": {"path": str(clips / "val.json"), "videos": str(clips)}, "evaluation": evaluation}


def constant_scores(loaded, samples, framesets, max_new_tokens):
    return {"score": 0.5}


def falling_scores():
    values = iter([0.9, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    return lambda loaded, samples, framesets, max_new_tokens: {"score": next(values)}


def test_a_run_leaves_all_that_it_promises(recipe, run, clips):
    stages = []
    summary = train(
        recipe(**held_out(clips, every_steps=3)),
        run,
        evaluator=constant_scores,
        progress=lambda stage, done, total, note="": stages.append((stage, done, total)),
    )

    assert summary.num_steps_done == 6
    assert summary.result == run.best
    assert summary.num_samples == 10
    history = read_history(run.training_log)
    assert [record["step"] for record in history.steps] == [1, 2, 3, 4, 5, 6]
    assert [record["step"] for record in history.evaluations] == [3, 6]
    assert history.evaluations[0]["metrics"].keys() == {"loss", "score"}
    assert history.steps[-1]["loss"] < history.steps[0]["loss"]
    for path in (run.recipe, run.environment, run.supervision, run.best / "adapter_model.safetensors"):
        assert path.is_file(), path
    assert list(run.tensorboard.iterdir())
    assert sorted(path.name for path in (run.path / "figures").iterdir()) == [
        "training_loss.png",
        "training_metrics.png",
    ]
    assert ("train", 6, 6) in stages
    assert ("read training clips", 10, 10) in stages


def test_the_result_of_a_run_answers(recipe, run, clips):
    from vidtune.data import load_samples
    from vidtune.inference import GenerationConfig, Request, generate, load_for_inference
    from vidtune.media import read_frames

    config = recipe()
    train(config, run)
    loaded = load_for_inference(run.path)
    [sample, *_] = load_samples(config.data)
    request = Request(turns=sample.prompt_turns, frames=read_frames(clips / sample.video, config.sampling))

    assert len(generate(loaded, [request], GenerationConfig(max_new_tokens=3))) == 1


def test_a_finished_run_is_not_run_again(recipe, run):
    config = recipe()
    first = train(config, run)
    written = {path: path.stat().st_mtime_ns for path in run.path.rglob("*") if path.name != ".lock"}
    again = train(config, run, progress=lambda *args: pytest.fail("there was nothing to do"))

    assert again == first
    assert {path: path.stat().st_mtime_ns for path in written} == written


def test_another_recipe_in_the_same_folder_is_refused_by_the_line_that_differs(recipe, run):
    train(recipe(), run)

    with pytest.raises(RunMismatch, match="learning_rate: 0.01.*learning_rate: 0.02"):
        train(recipe(optim={"learning_rate": 2e-2}), run)


def test_other_data_under_the_same_recipe_is_refused(recipe, run, clips, tmp_path):
    path = tmp_path / "train.json"
    path.write_text((clips / "train.json").read_text())
    config = recipe(data={"path": str(path)})

    def stop(stage, done, total, note=""):
        if stage == "train" and done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, run, progress=stop)
    samples = json.loads(path.read_text())
    samples[0]["conversations"][1]["value"] = "lunges - step further"
    path.write_text(json.dumps(samples))

    with pytest.raises(RunMismatch, match="trained on other samples"):
        train(config, run)


def test_a_second_process_is_refused(recipe, run):
    with RunLock(run.path), pytest.raises(RunLocked):
        train(recipe(), run)


def test_a_dry_run_writes_nothing_and_shows_what_would_be_learned(recipe, run):
    summary = train(recipe(), run, dry_run=True)

    assert summary.result is None
    assert summary.num_steps == 6
    assert "«squats - the knees move inwards, push them outwards<|im_end|>»" in summary.to_text()
    assert not run.path.exists()


def test_the_caller_s_random_stream_is_left_alone(recipe, run):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(recipe(), run)

    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_the_seed_decides_the_result(kind, recipe, tmp_path):
    adapter = {"kind": kind} if kind == "lora" else {"kind": "full", "rank": ..., "alpha": ..., "dropout": ...}
    losses = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run = RunDirectory(tmp_path / name)
        train(recipe(adapter=adapter, loop={"max_steps": 3}, seed=seed), run)
        losses.append([record["loss"] for record in read_history(run.training_log).steps])

    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_accumulating_equals_one_large_batch(recipe, tmp_path):
    losses = []
    for batch_size, accumulation in ((8, 1), (4, 2), (2, 4)):
        run = RunDirectory(tmp_path / f"{batch_size}")
        loop = {"max_steps": 1, "batch_size": batch_size, "accumulation": accumulation, "group_by_length": False}
        train(recipe(loop=loop, adapter={"dropout": 0.0}), run)
        [record] = read_history(run.training_log).steps
        losses.append((record["loss"], record["grad_norm"]))

    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == pytest.approx(losses[0], rel=1e-5)


def test_gradient_checkpointing_changes_no_loss(recipe, tmp_path):
    losses = []
    for name, checkpointing in (("off", False), ("on", True)):
        run = RunDirectory(tmp_path / name)
        train(recipe(loop={"max_steps": 3, "gradient_checkpointing": checkpointing}), run)
        losses.append([record["loss"] for record in read_history(run.training_log).steps])

    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_memory_for_nothing_gives_the_same_losses(recipe, tmp_path):
    losses = []
    for name, memory_mib in (("kept", 4096), ("read again", 0)):
        run = RunDirectory(tmp_path / name)
        train(recipe(limits={"memory_mib": memory_mib}, augmentation={"flip": 0.5}), run)
        losses.append([record["loss"] for record in read_history(run.training_log).steps])

    assert losses[0] == losses[1]


def test_frames_kept_on_disk_are_read_once_and_change_no_loss(recipe, tmp_path, monkeypatch):
    cache = {"enabled": True, "folder": str(tmp_path / "cache")}
    losses = []
    for name, frame_cache in (("without", {}), ("first", cache), ("second", cache)):
        if name == "second":
            monkeypatch.setattr("vidtune.media._read.opened_clip", None)  # no clip may be opened any more
        run = RunDirectory(tmp_path / name)
        train(recipe(frame_cache=frame_cache), run)
        losses.append([record["loss"] for record in read_history(run.training_log).steps])

    assert losses[0] == losses[1] == losses[2]


def test_a_selector_that_goes_by_the_question_is_told_it(recipe, run):
    # Without weights only names of colours can be looked for, and the error says for what it was asked to look.
    with pytest.raises(TooManyDropped, match="cannot tell which frames 'Which exercise is this"):
        train(recipe(sampling={"kind": "topk", "num_frames": 2}), run)


def test_bf16_learns_like_fp32(recipe, tmp_path):
    losses = {}
    for precision in ("fp32", "bf16"):
        run = RunDirectory(tmp_path / precision)
        train(recipe(loop={"max_steps": 20, "precision": precision}), run)
        losses[precision] = [record["loss"] for record in read_history(run.training_log).steps]

    assert losses["bf16"][-1] == pytest.approx(losses["fp32"][-1], rel=0.05)
    assert losses["bf16"][-1] < losses["bf16"][0] - 0.5


def test_qlora_trains_and_its_result_loads(recipe, run):
    from vidtune.inference import load_for_inference

    train(recipe(adapter={"kind": "qlora"}), run)

    assert load_for_inference(run.path).source
    steps = read_history(run.training_log).steps
    assert steps[-1]["loss"] < steps[0]["loss"]


def test_full_fine_tuning_leaves_a_whole_model(recipe, run):
    from vidtune.models import load_model

    adapter = {"kind": "full", "rank": ..., "alpha": ..., "dropout": ..., "modalities": ["language"]}
    train(recipe(adapter=adapter, optim={"learning_rate": 1e-3}), run)

    assert load_model(run.best).source == str(run.best.resolve())


def test_patience_stops_and_the_best_weights_are_delivered(recipe, run, clips):
    config = recipe(**held_out(clips, every_steps=1, metric="score", patience=2))
    summary = train(config, run, evaluator=falling_scores())

    # The first value is taken by the rehearsal on one sample, the next is the best.
    assert summary.is_stopped_early
    assert summary.num_steps_done == 3
    assert (summary.best_step, summary.best_value) == (1, 0.5)
    assert not list(run.checkpoints.glob("best-*"))


def test_a_metric_that_is_not_measured_is_refused_before_the_first_step(recipe, run, clips):
    config = recipe(**held_out(clips, metric="acuracy"))

    with pytest.raises(ConfigInvalid, match="'acuracy' is not measured; measured are loss, score"):
        train(config, run, evaluator=constant_scores)
    assert not read_history(run.training_log).steps


def test_clips_that_cannot_be_read_are_listed_and_counted(recipe, run, clips, tmp_path):
    samples = [make_sample(index) for index in range(10)]
    broken = tmp_path / "broken.mp4"
    broken.write_text("this is not a video")
    samples[3]["video"] = str(broken)
    path = tmp_path / "train.json"
    path.write_text(json.dumps(samples))
    for index in range(10):
        if index != 3:
            (tmp_path / f"clip_{index:02d}.mp4").symlink_to(clips / f"clip_{index:02d}.mp4")
    samples[3]["video"] = "broken.mp4"
    path.write_text(json.dumps(samples))
    data = {"path": str(path), "videos": str(tmp_path)}

    with pytest.raises(TooManyDropped, match="1 of 10 samples cannot be used, expected at most 5%"):
        train(recipe(data=data), run)
    summary = train(recipe(data=data, limits={"max_dropped_share": 0.2}), RunDirectory(tmp_path / "again"))

    assert summary.num_samples == 9
    [entry] = RecordLog(tmp_path / "again" / "dropped.jsonl").read()
    assert entry["sample_id"] == "s03"
    assert entry["code"] == "video_unreadable"
    assert summary.dropped == {"video_unreadable": 1}


def test_samples_that_are_too_long_are_dropped_by_name(recipe, run):
    summary = train(recipe(limits={"max_tokens": 75, "max_dropped_share": 0.5}), run)

    assert summary.dropped == {"too_long": 3}
    ledger = RecordLog(run.path / "dropped.jsonl").read()
    assert {entry["sample_id"] for entry in ledger} == {"s02", "s05", "s08"}
    assert all(entry["num_tokens"] > 75 for entry in ledger)


def test_all_mistakes_of_a_recipe_are_named_before_weights_load(recipe, run, clips, tmp_path):
    config = recipe(
        model={"source": str(tmp_path / "no such model")},
        data={"path": str(tmp_path / "nothing.json")},
        **held_out(clips, metric="score"),
    )
    config = config.model_copy(
        update={"eval_data": config.eval_data.model_copy(update={"videos": str(tmp_path / "nowhere")})}
    )

    with pytest.raises(DataInvalid) as caught:
        train(config, run)
    text = str(caught.value)
    for part in ("nothing.json", "4 of 4 videos are not below", "no evaluator was passed"):
        assert part in text
    assert not run.checkpoints.exists()


def test_a_model_that_is_not_there_is_named(recipe, run, tmp_path):
    with pytest.raises((ModelUnavailable, DataInvalid), match="no such model"):
        train(recipe(model={"source": str(tmp_path / "no such model")}), run)


def test_the_sample_whose_loss_is_not_a_number_is_named_and_the_last_checkpoint_stays(recipe, run, clips, tmp_path):
    """A model that breaks at one word, and one sample that has the word."""
    model = make_tiny_folder(tmp_path / "model", tie=False)
    weights = load_file(model / "model.safetensors")
    [word] = PreTrainedTokenizerFast.from_pretrained(model)("Z", add_special_tokens=False)["input_ids"]
    [embedding] = [name for name in weights if name.endswith("embed_tokens.weight")]
    weights[embedding][word] = math.nan
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    samples = json.loads((clips / "train.json").read_text())
    samples[7]["conversations"][0]["value"] = "Z?"
    path = tmp_path / "train.json"
    path.write_text(json.dumps(samples))
    config = recipe(
        model={"source": str(model)},
        data={"path": str(path)},
        loop={"batch_size": 1, "group_by_length": False, "max_steps": 10},
        save={"every_steps": 1},
    )

    with pytest.raises(LossNotFinite, match=r"has loss nan .* each alone already of the sample\(s\) s07\.") as caught:
        train(config, run)
    step = int(str(caught.value).split()[1])
    assert [record["step"] for record in read_history(run.training_log).steps] == list(range(1, step))
    assert (run.checkpoints / f"step-{step - 1:06d}").is_dir()


def test_a_gradient_that_overflows_names_the_samples_of_its_step(recipe, run):
    with pytest.raises(LossNotFinite, match=r"step 1 has loss [\d.]+ and gradient norm inf, .* s04, s07, s01, s06\."):
        train(recipe(adapter={"alpha": 10**30}), run)


def test_a_step_that_does_not_fit_into_memory_is_named_and_the_run_continues(recipe, run, monkeypatch):
    real, calls = supervised_loss_sum, iter(range(100))

    def too_large(*args, **kwargs):
        if next(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(*args, **kwargs)

    monkeypatch.setattr("vidtune.training._loop.supervised_loss_sum", too_large)
    with pytest.raises(
        OutOfMemory, match=r"step 4 with the sample\(s\) s\d\d, .*Tried to allocate .*Halve loop.batch_size"
    ):
        train(recipe(), run)
    summary = train(recipe(), run)

    assert summary.num_steps_done == 6


def test_a_damaged_newest_checkpoint_costs_only_the_steps_between(recipe, run, tmp_path):
    whole = RunDirectory(tmp_path / "whole")
    train(recipe(), whole)

    def stop(stage, done, total, note=""):
        if stage == "train" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe(), run, progress=stop)
    weights = run.checkpoints / "step-000004" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    summary = train(recipe(), run)

    assert "step-000004" in summary.notes[0]
    assert "weights.safetensors" in summary.notes[0]
    for name in ("training_log", "best"):
        assert getattr(run, name).exists()
    assert (run.best / "adapter_model.safetensors").read_bytes() == (
        whole.best / "adapter_model.safetensors"
    ).read_bytes()


def test_a_damaged_result_is_said_not_trained_over(recipe, run):
    train(recipe(), run)
    path = run.best / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(RunCorrupt, match="adapter_model.safetensors"):
        train(recipe(), run)


def test_people_and_clips_on_both_sides_are_noted(recipe, run, clips):
    config = recipe(
        loop={"max_steps": 1},
        eval_data={"path": str(clips / "train.json"), "videos": str(clips)},
        evaluation={"limit": 2, "generate": False},
    )
    summary = train(config, run)

    assert any("10 videos are in data and in eval_data" in note for note in summary.notes)


def test_every_error_of_the_room_has_a_code():
    for error in (LossNotFinite, ModelCollapsed, TooManyDropped, TrainingHung):
        assert issubclass(error, VidtuneError)
        assert error.code not in ("bad_data", "try_again")


@pytest.mark.parametrize("where", ["data", "eval_data"])
def test_samples_without_an_answer_are_refused_by_name_before_weights_are_loaded(recipe, run, clips, tmp_path, where):
    samples = [make_sample(index) for index in range(10, 14)]
    samples[1]["conversations"].pop()
    samples[3]["conversations"][1]["value"] = " "
    path = tmp_path / "some.json"
    path.write_text(json.dumps(samples))
    changes = held_out(clips, every_steps=3) | {where: {"path": str(path), "videos": str(clips)}}

    with pytest.raises(DataInvalid) as caught:
        train(recipe(**changes, limits={"max_dropped_share": 1.0}), run, evaluator=constant_scores)

    [finding] = caught.value.findings
    assert finding.startswith(f"{where}: {path}: 2 of 4 samples have no reference answer, so nothing can be learned")
    assert finding.endswith(": s11, s13.")
    assert not run.best.exists()


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_pixels_given_at_training_are_used_again_to_predict(recipe, run, kind):
    from vidtune.inference import load_for_inference

    adapter = {"kind": kind} if kind == "lora" else {"kind": kind, "rank": ..., "alpha": ..., "dropout": ...}
    train(recipe(model={"max_pixels": 28 * 28}, adapter=adapter, loop={"max_steps": 1}), run)

    loaded = load_for_inference(run.path)

    assert loaded.max_pixels == 28 * 28
    assert loaded.processor.video_processor.size["longest_edge"] == 28 * 28
    with pytest.raises(BadUsage, match="trained with max_pixels=784"):
        load_for_inference(run.path, max_pixels=56 * 56)
