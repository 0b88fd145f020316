"""Questions about one clip read its prompt once: the same losses, the same gradients, less work."""

import json

import pytest
import torch
from tests.training.conftest import make_sample
from tests.training.small_cases import loss_and_gradients, make_model, make_rows

from vidtune.adapters import bare_model
from vidtune.core.errors import ConfigInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.inference import LastLayer
from vidtune.training import TrainConfig, read_history, train
from vidtune.training._loss import positions_read, supervised_loss_sum
from vidtune.training._packing import plan_packing
from vidtune.training._shared_prompts import SharedPrompts, require_can_share

CONVERSATIONS = [
    (0, "Which exercise is it?", "squats"),
    (1, "Which?", "the knees move inwards"),
    (0, "Which exercise is it, and what is wrong?", "pushups - the hips sag, keep the back straight"),
    (0, "Which exercise is it?", "lunges"),
]


def make_case(family_name, adapter):
    model, family, processor = make_model(family_name, adapter)
    rows = make_rows(family, processor, CONVERSATIONS)
    return model, family.join_training(processor, rows), plan_packing(rows, width=64)


@pytest.mark.parametrize(
    ("family", "adapter", "attention"),
    [("qwen2_vl", kind, "eager") for kind in ("lora", "full", "bottleneck", "prefix", "prompt", "ia3")]
    + [("qwen2_vl", "lora", "sdpa"), ("smolvlm", "lora", "sdpa"), ("smolvlm", "lora", "eager")]
    + [(name, "lora", "sdpa") for name in ("qwen2_5_vl", "internvl", "llava_onevision", "video_llama_3")],
)
def test_packed_rows_have_the_same_loss_and_the_same_gradients(family, adapter, attention):
    model, batch, packing = make_case(family, adapter)
    bare_model(model).set_attn_implementation({"text_config": attention})
    loss, gradients = loss_and_gradients(model, batch)
    shared, last_layer = SharedPrompts(model), LastLayer(model)
    is_read = packing.places_read(positions_read(batch["labels"]))
    with shared.packed(packing), last_layer.reading(is_read):
        packed_loss, packed_gradients = loss_and_gradients(model, batch)

    assert shared.num_packed == 1
    assert packing.source_gl.numel() < batch["input_ids"].numel() * 0.8
    assert packed_loss == pytest.approx(loss, rel=1e-6)
    assert packed_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(packed_gradients[name], gradient, atol=2e-5, rtol=1e-4)


def test_each_question_has_the_loss_that_it_has_alone():
    model, family, processor = make_model("qwen2_vl", "lora")
    rows = make_rows(family, processor, CONVERSATIONS)
    batch = family.join_training(processor, rows)
    with torch.no_grad():
        alone = [float(supervised_loss_sum(model, row)) for row in rows]
    with torch.no_grad(), SharedPrompts(model).packed(plan_packing(rows, width=64)):
        for index, loss in enumerate(alone):
            only = {**batch, "sample_weights": torch.eye(len(rows))[index]}
            assert float(supervised_loss_sum(model, only)) == pytest.approx(loss, abs=1e-5)


def test_layers_that_are_run_again_in_the_backward_pass_are_packed_too():
    model, batch, packing = make_case("qwen2_vl", "lora")
    _, gradients = loss_and_gradients(model, batch)
    bare_model(model).activation_checkpointing_enable({"use_reentrant": False})
    with SharedPrompts(model).packed(packing):
        _, packed = loss_and_gradients(model, batch)

    for name, gradient in gradients.items():
        torch.testing.assert_close(packed[name], gradient, atol=2e-5, rtol=1e-4)


@pytest.fixture
def four_questions(clips, tmp_path):
    """Return the path of a file with four questions about each of three clips."""
    samples = []
    for number in range(12):
        sample = make_sample(number)
        sample["video"] = f"clip_{number % 3:02d}.mp4"
        sample["conversations"][0]["value"] += f" Question {number // 3} of 4."
        samples.append(sample)
    path = tmp_path / "questions.json"
    path.write_text(json.dumps(samples))
    return path


def make_recipe(recipe, path, **changes):
    loop = {"share_prompts": True, **changes.pop("loop", {})}
    return recipe(
        data={"path": str(path)}, adapter={"dropout": 0.0, **changes.pop("adapter", {})}, loop=loop, **changes
    )


def losses_of(run):
    return [record["loss"] for record in read_history(run.training_log).steps]


def test_a_run_learns_what_it_learns_without_and_does_less(recipe, four_questions, tmp_path, monkeypatch):
    config = make_recipe(recipe, four_questions)
    places = []
    monkeypatch.setattr(
        "vidtune.training._loop.plan_packing",
        lambda rows, width: places.append(plan_packing(rows, width)) or places[-1],
    )
    once, always = RunDirectory(tmp_path / "once"), RunDirectory(tmp_path / "always")
    train(config, once)
    monkeypatch.setattr("vidtune.training._loop.plan_packing", lambda rows, width: None)
    train(config, always)

    assert [len(packing.source_gl) for packing in places] == [1] * 6, "four questions about one clip in every batch"
    assert losses_of(once) == pytest.approx(losses_of(always), abs=1e-5)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(recipe, four_questions, tmp_path):
    config = make_recipe(recipe, four_questions, loop={"batch_size": 3, "accumulation": 2})
    whole, parts = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "parts")
    train(config, whole)

    class Stopped(Exception):
        pass

    def stop(stage, done, *_):
        if stage == "train" and done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        train(config, parts, progress=stop)
    train(config, parts)

    assert losses_of(parts) == losses_of(whole)
    weights = [(run.best / "adapter_model.safetensors").read_bytes() for run in (whole, parts)]
    assert weights[0] == weights[1]


def test_the_log_says_how_well_packed_states_agree(recipe, four_questions, tmp_path):
    run = RunDirectory(tmp_path / "run")
    train(make_recipe(recipe, four_questions, loop={"max_steps": 1}), run)
    events = [json.loads(line) for line in run.training_log.read_text().splitlines()]

    said = next(event for event in events if event["event"] == "sharing of prompts")
    assert said["relative_difference"] < 1e-5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"adapter": {"dropout": 0.1}}, "adapter.dropout"),
        ({"augmentation": {"brightness": 0.1}}, "augmentation"),
        ({"loss": {"terms": {"temporal_coherence": {"weight": 1.0}}}}, "loss.terms"),
    ],
)
def test_what_would_learn_something_else_is_refused_by_the_recipe(recipe, four_questions, changes, reason):
    with pytest.raises(ConfigInvalid, match=reason):
        make_recipe(recipe, four_questions, **changes)


@pytest.mark.parametrize(
    ("family", "adapter", "reason"),
    [
        ("qwen2_vl", "modality_lora", "modality_lora treats each token of a batch by its place"),
        ("qwen3_vl", "lora", "also told deepstack_visual_embeds, visual_pos_masks"),
        ("gemma3n", "lora", "also told per_layer_inputs"),
    ],
)
def test_models_that_tell_tokens_apart_are_refused_before_the_first_step(recipe, clips, family, adapter, reason):
    model, _, _ = make_model(family, adapter)
    config: TrainConfig = make_recipe(recipe, clips / "train.json", adapter={"kind": adapter})
    with pytest.raises(ConfigInvalid, match=reason):
        require_can_share(config, model)


def test_dropout_in_the_model_itself_is_refused(recipe, clips):
    model, _, _ = make_model("qwen2_vl", "lora")
    bare_model(model).get_decoder().layers[0].self_attn.attention_dropout = 0.1
    with pytest.raises(ConfigInvalid, match="dropout in the language tower"):
        require_can_share(make_recipe(recipe, clips / "train.json"), model)


def test_a_model_whose_questions_see_each_other_does_not_take_a_step(recipe, four_questions, tmp_path, monkeypatch):
    from transformers.models.qwen2_vl import modeling_qwen2_vl

    # Attention that makes its own mask, as some kernels do.
    make_mask = modeling_qwen2_vl.create_causal_mask
    monkeypatch.setattr(
        modeling_qwen2_vl, "create_causal_mask", lambda **known: make_mask(**{**known, "attention_mask": None})
    )
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(ConfigInvalid, match="loop.share_prompts: the states of two questions .* differ by"):
        train(make_recipe(recipe, four_questions), run)
    assert not losses_of(run)
