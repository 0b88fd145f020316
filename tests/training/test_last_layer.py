"""The last layer without the positions that nothing reads: the same loss, the same gradients, less work."""

import pytest
import torch
from tests.training.small_cases import KINDS, loss_and_gradients, make_case

from vidtune.adapters import bare_model
from vidtune.core.rundir import RunDirectory
from vidtune.inference import LastLayer
from vidtune.training import read_history, train
from vidtune.training._loss import positions_read, supervised_loss_sum


@pytest.mark.parametrize(
    ("family", "adapter"),
    [(name, "lora") for name in ("qwen2_vl", "qwen3_vl", "smolvlm", "gemma3n")]
    + [("qwen2_vl", kind) for kind in KINDS],
)
def test_what_is_left_out_changes_neither_loss_nor_gradients(family, adapter):
    model, batch = make_case(family, adapter)
    loss, gradients = loss_and_gradients(model, batch)
    last_layer = LastLayer(model)
    with last_layer.reading(positions_read(batch["labels"])):
        less, fewer = loss_and_gradients(model, batch)

    assert less == pytest.approx(loss, rel=1e-6)
    assert fewer.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(fewer[name], gradient, atol=2e-5, rtol=1e-4)


def count_mlp_positions(model):
    seen = []
    last = bare_model(model).get_decoder().layers[-1]
    last.mlp.down_proj.register_forward_hook(lambda part, args, output: seen.append(output.shape[:-1].numel()))
    return seen


def test_only_what_is_read_goes_through_the_last_mlp_and_everything_does_outside():
    model, batch = make_case("qwen2_vl", "lora")
    is_read = positions_read(batch["labels"])
    seen = count_mlp_positions(model)
    last_layer = LastLayer(model)
    with last_layer.reading(is_read):
        supervised_loss_sum(model, batch)
    supervised_loss_sum(model, batch)

    assert seen == [int(is_read.sum()), is_read.numel()]
    assert seen[0] < seen[1] / 2


def test_layers_that_are_run_again_in_the_backward_pass_leave_out_the_same():
    model, batch = make_case("qwen2_vl", "lora")
    _, gradients = loss_and_gradients(model, batch)
    seen = count_mlp_positions(model)
    bare_model(model).activation_checkpointing_enable({"use_reentrant": False})
    is_read = positions_read(batch["labels"])
    last_layer = LastLayer(model)
    with last_layer.reading(is_read):
        _, fewer = loss_and_gradients(model, batch)

    assert seen == [int(is_read.sum())] * 2
    for name, gradient in gradients.items():
        torch.testing.assert_close(fewer[name], gradient, atol=2e-5, rtol=1e-4)


def test_a_batch_in_which_nothing_is_learned_gives_no_loss_and_no_gradient():
    model, batch = make_case("qwen2_vl", "lora")
    batch["labels"] = torch.full_like(batch["labels"], -100)
    last_layer = LastLayer(model)
    with last_layer.reading(positions_read(batch["labels"])):
        loss, gradients = loss_and_gradients(model, batch)

    assert loss == 0.0
    assert all(not gradient.any() for gradient in gradients.values())


def test_a_layer_that_must_know_every_token_is_left_alone():
    model, batch = make_case("qwen2_vl", "modality_lora")
    seen = count_mlp_positions(model)
    last_layer = LastLayer(model)
    with last_layer.reading(positions_read(batch["labels"])):
        supervised_loss_sum(model, batch)

    assert seen == [batch["labels"].numel()]


def test_a_run_learns_what_it_learned_with_the_whole_last_layer(recipe, tmp_path, monkeypatch):
    losses = {}
    for name in ("part", "whole"):
        run = RunDirectory(tmp_path / name)
        train(recipe(adapter={"dropout": 0.0}), run)
        losses[name] = [record["loss"] for record in read_history(run.training_log).steps]
        monkeypatch.setattr("vidtune.inference._last_layer._parts_of_one_position", lambda model: [])

    assert losses["part"] == pytest.approx(losses["whole"], abs=1e-5)
