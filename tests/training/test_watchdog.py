"""Runs that go on without learning, and runs that do not go on: noticed, named, stopped where the recipe says so."""

import os
import signal
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.tiny import make_tiny_folder

from vidtune.config import dump_config
from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.training import ANSWERS_ALIKE, ModelCollapsed, WatchdogConfig, read_history, train
from vidtune.training._watchdog import CollapseWatch, HangWatch

from .test_processes import wait_for, workers_of
from .test_resume import train_in_child

TRUE_ANSWERS = ["squats - inwards", "pushups - sag", "squats - inwards", "lunges - short"]


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


def all_alike(loaded, samples, framesets, max_new_tokens):
    return {"score": 0.5, ANSWERS_ALIKE: 1.0}


def measured(clips, **evaluation):
    return {"eval_data": {"path": str(clips / "val.json"), "videos": str(clips)}, "evaluation": evaluation}


def events(run, name):
    return [record for record in RecordLog(run.training_log).read() if record["event"] == name]


def test_one_answer_to_everything_is_a_sign_and_varied_answers_are_none():
    watch = CollapseWatch(WatchdogConfig(), TRUE_ANSWERS)

    assert "100% of the held-out samples got the same answer, of the true answers 50%" in watch.see_answers(
        {ANSWERS_ALIKE: 1.0}
    )
    assert watch.see_answers({ANSWERS_ALIKE: 0.75}) is None
    assert watch.see_answers({"score": 0.0}) is None


@pytest.mark.parametrize("references", [["yes"] * 20, ["yes"] * 19 + ["no"], ["a", "b"]])
def test_one_answer_is_none_where_the_true_ones_are_alike_or_few(references):
    assert CollapseWatch(WatchdogConfig(), references).see_answers({ANSWERS_ALIKE: 1.0}) is None


def test_no_gradient_is_said_once_and_only_when_it_stays_away():
    watch = CollapseWatch(WatchdogConfig(), TRUE_ANSWERS)
    signs = [watch.see_step(norm) for norm in [0.0] * 9 + [0.1] + [0.0] * 30]

    assert [number for number, sign in enumerate(signs) if sign is not None] == [19]


def test_a_collapse_is_noted_in_the_log_and_the_summary_and_the_run_goes_on(recipe, run, clips):
    summary = train(recipe(**measured(clips, every_steps=2)), run, evaluator=all_alike)

    # One measurement like this may be a beginning: from the second in a row it counts.
    assert [record["step"] for record in events(run, "collapse")] == [4, 6]
    assert any(note.startswith("step 4: 100% of the held-out samples") for note in summary.notes)
    assert summary.num_steps_done == 6


def test_a_collapse_stops_the_run_when_the_recipe_says_so_and_what_was_learned_is_kept(recipe, run, clips):
    watchdog = {"on_collapse": "stop", "collapse_patience": 2}
    config = recipe(loop={"watchdog": watchdog}, save={"every_steps": 100}, **measured(clips, every_steps=2))

    with pytest.raises(ModelCollapsed, match=r"step 4: 100% .*on_collapse is 'stop'"):
        train(config, run, evaluator=all_alike)
    assert [path.name for path in run.checkpoints.glob("step-*")] == ["step-000004"]
    # Taken up again, it does not begin to count anew.
    with pytest.raises(ModelCollapsed, match="step 6"):
        train(config, run, evaluator=all_alike)


def test_the_command_line_s_evaluator_says_how_alike_its_answers_are(tiny_model, clips):
    from vidtune.cli._evaluator import GeneratedMetrics, generated_metrics
    from vidtune.data import DataConfig, load_samples
    from vidtune.media import SamplingConfig, read_frames
    from vidtune.models import load_model

    samples = load_samples(DataConfig(path=str(clips / "val.json"), videos=str(clips))).samples
    frames = [read_frames(clips / sample.video, SamplingConfig(num_frames=2)) for sample in samples]
    told = []
    evaluator = GeneratedMetrics(lambda stage, done, total, note="": told.append((stage, done, total)))
    found = evaluator(load_model(tiny_model, device="cpu"), samples, frames, 2)

    assert told[-1] == ("answer", len(samples), len(samples)), "writing answers takes longest, so it is told"
    assert 1 / len(samples) <= found[ANSWERS_ALIKE] <= 1
    assert set(found) <= set(generated_metrics.metric_names(samples))


def test_steps_without_any_gradient_are_noted(recipe, run, tmp_path):
    """A head of zeros passes no gradient on."""
    model = make_tiny_folder(tmp_path / "model", tie=False)
    weights = load_file(model / "model.safetensors")
    weights["lm_head.weight"] = torch.zeros_like(weights["lm_head.weight"])
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})

    summary = train(recipe(model={"source": str(model)}, loop={"max_steps": 12}), run)

    assert read_history(run.training_log).steps[0]["grad_norm"] == 0.0
    [record] = events(run, "collapse")
    assert record["step"] == 10
    assert any("nothing is learned any more" in note for note in summary.notes)


@pytest.mark.timeout(240)
def test_a_run_that_hangs_ends_by_itself_with_the_samples_and_the_stacks(recipe, run, tmp_path):
    path = tmp_path / "recipe.yaml"
    config = recipe(loop={"batch_size": 2, "watchdog": {"hang_s": 5.0}}, save={"every_steps": 1})
    path.write_text(dump_config(config))
    exit_code, said = train_in_child(path, run, "hang:3")

    assert exit_code == 75, said
    line = next(line for line in said.splitlines() if line.startswith("error[training_hung]: "))
    assert "nothing has happened for 5 s in the sum of gradients of step 3 with the sample(s) s0" in line
    stacks = (run.path / "hang.txt").read_text()
    assert "in progress" in stacks  # the function that does not return
    assert "_loop.py" in stacks
    assert train(config, run).num_steps_done == 6


def test_signs_of_life_and_work_that_may_last_keep_it_quiet(tmp_path):
    with HangWatch(0.4, tmp_path / "hang.txt") as watch:
        for _ in range(6):
            watch.alive("a step", ["a"])
            time.sleep(0.1)
        watch.alive("answers", may_last=True)
        time.sleep(0.8)

    assert not (tmp_path / "hang.txt").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_neighbour_that_stands_still_ends_the_run(recipe, run, launched, tmp_path):
    """A real hang of several processes: one is stopped, and the other waits for its gradients."""
    path = tmp_path / "recipe.yaml"
    loop = {"max_steps": 100_000, "accumulation": 2, "batch_size": 2, "watchdog": {"hang_s": 5.0}}
    path.write_text(dump_config(recipe(loop=loop, save={"every_steps": 1})))
    process, errors = launched(path, run)
    wait_for(lambda: run.training_log.exists() and run.training_log.stat().st_size > 0)
    stopped = workers_of(run)[1]
    os.kill(stopped, signal.SIGSTOP)
    wait_for(lambda: 0 not in workers_of(run))
    # Else the launcher gives it half a minute to end, and then kills it.
    os.kill(stopped, signal.SIGCONT)
    process.join(120)
    said = errors.read_text()

    assert process.exitcode == 75, said
    # Wherever in its step the first wait for the other is.
    assert "error[training_hung]: nothing has happened for 5 s in the " in said
    assert "with the sample(s) s0" in said
