"""temporal_lora in a run: signals reach the model in training and in prediction, and are stored with the adapter."""

import json

import pytest

from vidtune.adapters import takes_frame_signals
from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.data import Turn
from vidtune.inference import GenerationConfig, Request, generate, load_for_inference
from vidtune.media import SamplingConfig, read_frames
from vidtune.training import read_history, train


def adapter(**options):
    return {"adapter": {"kind": "temporal_lora", "dropout": 0.0, "options": options}}


@pytest.mark.parametrize("control", ["none", "shuffled"])
def test_a_run_measures_fits_and_stores_the_signals_and_its_result_answers(recipe, clips, tmp_path, control):
    run = RunDirectory(tmp_path / "run")

    summary = train(recipe(**adapter(control=control), loop={"accumulation": 2, "batch_size": 2}), run)

    stored = json.loads((summary.result / "adapter_config.json").read_text())
    shares = [record["rank_share"] for record in read_history(run.training_log).steps]
    assert len(stored["signal_mean"]) == len(stored["signal_std"]) == 4
    assert len(shares) == 6
    assert all(0 < share <= 1.05 for share in shares)
    ranks = {"rank_language_frames", "rank_language_text"}
    assert all(ranks <= record.keys() for record in read_history(run.training_log).steps)
    loaded = load_for_inference(str(summary.result))
    assert takes_frame_signals(loaded.model)
    frames = read_frames(clips / "clip_00.mp4", SamplingConfig(num_frames=4))
    request = Request((Turn("user", "Which exercise is this?"),), frames, key="a")
    assert len(generate(loaded, [request], GenerationConfig(max_new_tokens=4))) == 1


@pytest.mark.parametrize("options", [{}, {"budget_reached_at": 0.9}], ids=["at once", "gradually"])
def test_a_run_that_was_broken_off_ends_as_one_that_was_not(recipe, tmp_path, options):
    whole, broken = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "broken")
    config = recipe(**adapter(**options), augmentation={"brightness": 0.1})

    def break_off(stage, done, total, note=""):
        if stage == "train" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, broken, progress=break_off)
    results = [train(config, run).result for run in (whole, broken)]

    assert sha256_file(results[0] / "adapter_model.safetensors") == sha256_file(
        results[1] / "adapter_model.safetensors"
    )
    assert (results[0] / "adapter_config.json").read_text() == (results[1] / "adapter_config.json").read_text()


def test_gates_are_logged_by_layer_and_drawn_beside_the_weights_they_belong_to(recipe, clips, tmp_path):
    run = RunDirectory(tmp_path / "run")
    held_out = {"path": str(clips / "val.json"), "videos": str(clips)}
    config = recipe(
        adapter={"kind": "temporal_lora", "dropout": 0.0, "modalities": ["vision", "language"]},
        eval_data=held_out,
        evaluation={"every_steps": 3, "generate": False},
    )

    result = train(config, run).result

    written = json.loads((result / "gates.json").read_text())
    measured = read_history(run.training_log).evaluations
    assert len(measured) == 2
    assert all(record["mean_ranks"].keys() == written["mean_ranks"].keys() for record in measured)
    assert sorted(written["clips"]) == ["s10", "s11", "s12", "s13"]
    assert {layer["modality"] for layer in written["clips"]["s10"]["layers"].values()} == {"vision", "language"}
    best = min(measured, key=lambda record: record["metrics"]["loss"])
    assert written["mean_ranks"] == best["mean_ranks"]
    for name in ("gates.png", "gates-1.png", "gates-2.png"):
        assert (result / name).read_bytes().startswith(b"\x89PNG")
